# Kindred from Perl, by the Redis module: redis_perl.pl plain PROTOCOL PORT ...
use strict;
use warnings;
use List::Util qw(uniq);
use Redis;
use Time::HiRes qw(time);

use constant KEYS       => 60;
use constant PATIENCE_S => 20;

# snippet
# A client of the first node that answers: every node takes every command for every key.
sub any_node {
    my @ports = @_;
    for my $port (@ports) {
        my $client = eval {
            Redis->new(server => "127.0.0.1:$port", cnx_timeout => 2, read_timeout => 2);
        };
        return $client if $client;
    }
    die "no node answers\n";
}

# Adds to a list that others change too: reads all versions, writes one that has them all.
sub add_to_cart {
    my ($client, $item) = @_;
    my ($context, $versions) = $client->dget('cart');
    my @items = sort(uniq(map({ split } @$versions), $item));
    $client->dput('cart', $context, "@items");
    return;
}
# end of snippet

sub check {
    my ($value, $wanted) = map { defined ? $_ : 'nothing' } @_;
    die "'$value' is not '$wanted'\n" unless $value eq $wanted;
    return;
}

sub crud {
    my ($client) = @_;
    check($client->set('pl', '1'), 'OK');
    check($client->get('pl'), '1');
    check($client->incrby('pl', 41), 42);
    check($client->set('pl', 'x', 'NX'), undef);
    check($client->del('pl'), 1);
    check($client->get('pl'), undef);
    return;
}

sub pipeline {
    my ($client) = @_;
    my $done = 0;
    for my $number (0 .. 99) {
        $client->set("pl:$number", $number, sub { $done++ if $_[0] eq 'OK' });
    }
    $client->wait_all_responses;
    check($done, 100);
    return;
}

sub transaction {
    my ($client) = @_;
    $client->multi;
    $client->set('pl', '1');
    $client->incr('pl');
    $client->get('pl');
    check(join(' ', $client->exec), 'OK 2 2');
    return;
}

sub expiry {
    my ($client) = @_;
    $client->setex('pl', 100, '1');
    check($client->ttl('pl') >= 99, 1);
    $client->pexpire('pl', 1);
    my $deadline = time + PATIENCE_S;
    while ($client->exists('pl')) { check(time < $deadline, 1); }
    return;
}

sub scan {
    my ($client) = @_;
    my ($cursor, %found) = (0);
    do {
        ($cursor, my $keys) = $client->scan($cursor, 'MATCH', 'pl:*', 'COUNT', 50);
        @found{@$keys} = ();
    } while ($cursor ne '0');
    check(scalar(keys %found), 100);
    return;
}

sub versions {
    my ($client) = @_;
    $client->dput('cart', '', 'apples');
    $client->dput('cart', '', 'pears');
    add_to_cart($client, 'plums');
    my ($context, $versions) = $client->dget('cart');
    check("@$versions", 'apples pears plums');
    $client->del('cart');
    return;
}

# Writes while the node that was talked to is dead; what failed is tried again.
sub survive {
    my ($client, @ports) = @_;
    my ($errors, $started) = (0, time);
    for my $number (0 .. KEYS - 1) {
        until (eval { $client->set("pl:after:$number", $number) }) {
            die $@ if time - $started > PATIENCE_S;
            $errors++;
            print "tried again after: $@";
            $client = any_node(@ports);
        }
    }
    for my $number (0 .. KEYS - 1) { check($client->get("pl:after:$number"), $number); }
    printf "survived: %d errors, %d ms\n", $errors, (time - $started) * 1000;
    return;
}

$| = 1;
my ($mode, $protocol, @ports) = @ARGV;
my $client = any_node(@ports);
print "connect\n";
for my $step (qw(crud pipeline transaction expiry scan versions)) {
    __PACKAGE__->can($step)->($client);
    print "$step\n";
}
print "lose a node\n";
scalar <STDIN>;
survive($client, @ports);
