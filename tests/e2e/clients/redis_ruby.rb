# Kindred from Ruby, by the redis gem: redis_ruby.rb plain|cluster PROTOCOL PORT ...
require 'redis'
require 'set'

KEYS = 60
PATIENCE_S = 20

# snippet
# A client of the first node that answers: every node takes every command for every key.
def any_node(ports)
  ports.each do |port|
    client = Redis.new(host: '127.0.0.1', port: port, timeout: 2, reconnect_attempts: 0)
    client.ping
    return client
  rescue Redis::BaseConnectionError
    next
  end
  raise 'no node answers'
end

# A cluster client: it sends each command to a node that holds the key.
def cluster(ports)
  Redis.new(cluster: ports.map { |port| "redis://127.0.0.1:#{port}" }, timeout: 2)
end

# Adds to a list that others change too: reads all versions, writes one that has them all.
def add_to_cart(client, item)
  context, versions = client.call('DGET', 'cart')
  items = (versions.flat_map(&:split) + [item]).uniq.sort
  client.call('DPUT', 'cart', context, items.join(' '))
end
# end of snippet

def check(value, wanted)
  raise "#{value.inspect} is not #{wanted.inspect}" unless value == wanted
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def crud(client)
  check(client.set('rb', '1'), 'OK')
  check(client.get('rb'), '1')
  check(client.incrby('rb', 41), 42)
  check(client.set('rb', 'x', nx: true), false)
  check(client.del('rb'), 1)
  check(client.get('rb'), nil)
end

def pipeline(client) # whose keys a cluster client wants to be of one slot
  replies = client.pipelined { |steps| 100.times { |number| steps.set("{rb}#{number}", number) } }
  check(replies, ['OK'] * 100)
end

def transaction(client)
  replies = client.multi do |steps|
    steps.set('{rb}-', '1')
    steps.incr('{rb}-')
    steps.get('{rb}-')
  end
  check(replies, ['OK', 2, '2'])
end

def expiry(client)
  client.set('rb', '1', ex: 100)
  check([99, 100].include?(client.ttl('rb')), true)
  client.pexpire('rb', 1)
  deadline = now + PATIENCE_S
  check(now < deadline, true) while client.exists?('rb')
end

def scan(client)
  keys = client.scan_each(match: '{rb}[0-9]*', count: 50).to_set
  check(keys, (0...100).map { |number| "{rb}#{number}" }.to_set)
end

def versions(client)
  client.call('DPUT', 'cart', '', 'apples')
  client.call('DPUT', 'cart', '', 'pears')
  add_to_cart(client, 'plums')
  check(client.call('DGET', 'cart')[1], ['apples pears plums'])
  client.del('cart')
end

# Writes while the node that was talked to is dead; what failed is tried again.
def survive(client, mode, ports)
  errors = 0
  started = now
  KEYS.times do |number|
    client.set("rb:after:#{number}", number)
  rescue Redis::BaseError => e
    raise if now - started > PATIENCE_S

    errors += 1
    puts "tried again after: #{e.message.lines.first}"
    client = any_node(ports) if mode == 'plain'
    retry
  end
  KEYS.times { |number| check(client.get("rb:after:#{number}"), number.to_s) }
  puts "survived: #{errors} errors, #{((now - started) * 1000).round} ms"
end

$stdout.sync = true
mode, _protocol, *ports = ARGV
client = mode == 'cluster' ? cluster(ports) : any_node(ports)
client.ping
puts 'connect'
%i[crud pipeline transaction expiry scan versions].each do |step|
  send(step, client)
  puts step
end
puts 'lose a node'
$stdin.gets
survive(client, mode, ports)
