<?php
// Kindred from PHP, by phpredis: phpredis.php plain|cluster PROTOCOL PORT ...

const KEYS = 60;
const PATIENCE_S = 20;

// snippet
/** A client of the first node that answers: every node takes every command for every key. */
function any_node(array $ports): Redis
{
    foreach ($ports as $port) {
        try {
            $client = new Redis();
            $client->connect('127.0.0.1', (int)$port, 2.0, null, 0, 2.0);
            return $client;
        } catch (RedisException $error) {
            continue;
        }
    }
    throw new RedisException('no node answers');
}

/** A cluster client: it sends each command to a node that holds the key. */
function cluster(array $ports): RedisCluster
{
    $seeds = array_map(fn($port) => "127.0.0.1:$port", $ports);
    return new RedisCluster(null, $seeds, 2.0, 2.0);
}

/** A command that phpredis has no method for; a cluster client wants to know whose key it is. */
function call($client, string $command, string $key, string ...$rest)
{
    return $client instanceof RedisCluster
        ? $client->rawCommand($key, $command, $key, ...$rest)
        : $client->rawCommand($command, $key, ...$rest);
}

/** Adds to a list that others change too: reads all versions, writes one that has them all. */
function add_to_cart($client, string $item): void
{
    [$context, $versions] = call($client, 'DGET', 'cart');
    $items = array_unique(explode(' ', implode(' ', [...$versions, $item])));
    sort($items);
    call($client, 'DPUT', 'cart', $context, implode(' ', $items));
}
// end of snippet

function check($value, $wanted): void
{
    if ($value !== $wanted) {
        throw new Exception(var_export($value, true) . ' is not ' . var_export($wanted, true));
    }
}

function crud($client): void
{
    check($client->set('php', '1'), true);
    check($client->get('php'), '1');
    check($client->incrBy('php', 41), 42);
    check($client->set('php', 'x', ['nx']), false);
    check($client->del('php'), 1);
    check($client->get('php'), false);
}

function pipeline($client): void
{
    if ($client instanceof RedisCluster) { // which has no pipelines, but takes keys of all slots
        $values = [];
        for ($number = 0; $number < 100; $number++) {
            $values["php:$number"] = $number;
        }
        check($client->mset($values), true);
        return;
    }
    $steps = $client->pipeline();
    for ($number = 0; $number < 100; $number++) {
        $steps->set("php:$number", $number);
    }
    check($steps->exec(), array_fill(0, 100, true));
}

function transaction($client): void
{
    $client->multi();
    $client->set('{php}a', '1');
    $client->incr('{php}a');
    $client->get('{php}a');
    check($client->exec(), [true, 2, '2']);
}

function expiry($client): void
{
    $client->set('php', '1', ['ex' => 100]);
    check(in_array($client->ttl('php'), [99, 100]), true);
    $client->pexpire('php', 1);
    $deadline = microtime(true) + PATIENCE_S;
    while ($client->exists('php')) {
        check(microtime(true) < $deadline, true);
    }
}

function scan($client): void
{
    $found = [];
    $nodes = $client instanceof RedisCluster ? $client->_masters() : [null];
    foreach ($nodes as $node) { // each of them speaks for the whole store
        $cursor = null;
        do {
            $keys = $node === null ? $client->scan($cursor, 'php:*', 50)
                : $client->scan($cursor, $node, 'php:*', 50);
            $found = array_merge($found, $keys ?: []);
        } while ($cursor > 0);
    }
    check(count(array_unique($found)), 100);
}

function versions($client): void
{
    call($client, 'DPUT', 'cart', '', 'apples');
    call($client, 'DPUT', 'cart', '', 'pears');
    add_to_cart($client, 'plums');
    check(call($client, 'DGET', 'cart')[1], ['apples pears plums']);
    $client->del('cart');
}

/** Writes while the node that was talked to is dead; what failed is tried again. */
function survive($client, array $ports): void
{
    $errors = 0;
    $started = microtime(true);
    for ($number = 0; $number < KEYS; $number++) {
        for (;;) {
            try {
                check($client->set("php:after:$number", (string)$number), true);
                break;
            } catch (Exception $error) {
                if (microtime(true) - $started > PATIENCE_S) {
                    throw $error;
                }
                $errors++;
                echo "tried again after: {$error->getMessage()}\n";
                if ($client instanceof Redis) {
                    $client = any_node($ports);
                }
            }
        }
    }
    for ($number = 0; $number < KEYS; $number++) {
        check($client->get("php:after:$number"), (string)$number);
    }
    printf("survived: %d errors, %d ms\n", $errors, (microtime(true) - $started) * 1000);
}

[, $mode, , ] = $argv;
$ports = array_slice($argv, 3);
$client = $mode === 'cluster' ? cluster($ports) : any_node($ports);
echo "connect\n";
foreach (['crud', 'pipeline', 'transaction', 'expiry', 'scan', 'versions'] as $step) {
    $step($client);
    echo "$step\n";
}
echo "lose a node\n";
fgets(STDIN);
survive($client, $ports);
