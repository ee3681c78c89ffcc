// Kindred from Node, by npm's ioredis: ioredis.mjs plain|cluster PROTOCOL PORT ...
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { once } from 'node:events';

const require = createRequire(process.env.NODE_PACKAGES + '/');
const { Cluster, Redis } = require('ioredis');
const KEYS = 60;
const PATIENCE_MS = 20000;
const [mode, protocol, ...ports] = process.argv.slice(2);
const options = { protocol: Number(protocol), connectTimeout: 2000 };

// snippet
/** A client of the first node that answers: every node takes every command for every key. */
async function anyNode(ports) {
  for (const port of ports) {
    const client = new Redis({
      ...options, host: '127.0.0.1', port: Number(port), lazyConnect: true,
      retryStrategy: null, maxRetriesPerRequest: 0,
    });
    client.on('error', () => {}); // the command that fails is told too
    try {
      await client.connect();
      return client;
    } catch {
      continue;
    }
  }
  throw new Error('no node answers');
}

/** A cluster client: it sends each command to a node that holds the key. */
async function cluster(ports) {
  const nodes = ports.map((port) => ({ host: '127.0.0.1', port: Number(port) }));
  return new Cluster(nodes, { redisOptions: options });
}

/** Adds to a list that others change too: reads all versions, writes one that has them all. */
async function addToCart(client, item) {
  const [context, versions] = await client.call('DGET', 'cart');
  const items = new Set(versions.flatMap((version) => version.split(' ')).concat(item));
  await client.call('DPUT', 'cart', context, [...items].sort().join(' '));
}
// end of snippet

const steps = {
  async crud(client) {
    assert.equal(await client.set('io', '1'), 'OK');
    assert.equal(await client.get('io'), '1');
    assert.equal(await client.incrby('io', 41), 42);
    assert.equal(await client.set('io', 'x', 'NX'), null);
    assert.equal(await client.del('io'), 1);
    assert.equal(await client.get('io'), null);
  },

  async pipeline(client) {
    const tag = mode === 'cluster' ? '{io}' : ''; // its cluster pipelines go to one node
    const commands = [...Array(100).keys()].map((number) => ['set', `io:${tag}${number}`, number]);
    assert.deepEqual(await client.pipeline(commands).exec(), Array(100).fill([null, 'OK']));
  },

  async transaction(client) {
    const replies = await client.multi().set('{io}a', '1').incr('{io}a').get('{io}a').exec();
    assert.deepEqual(replies, [[null, 'OK'], [null, 2], [null, '2']]);
  },

  async expiry(client) {
    await client.set('io', '1', 'EX', 100);
    assert.ok([99, 100].includes(await client.ttl('io')));
    await client.pexpire('io', 1);
    const deadline = Date.now() + PATIENCE_MS;
    while (await client.exists('io')) assert.ok(Date.now() < deadline);
  },

  async scan(client) {
    const found = new Set();
    for (const node of mode === 'cluster' ? client.nodes('master') : [client]) // each speaks for all
      for await (const keys of node.scanStream({ match: 'io:*', count: 50 }))
        for (const key of keys) found.add(key);
    assert.equal(found.size, 100);
  },

  async versions(client) {
    await client.call('DPUT', 'cart', '', 'apples');
    await client.call('DPUT', 'cart', '', 'pears');
    await addToCart(client, 'plums');
    assert.deepEqual((await client.call('DGET', 'cart'))[1], ['apples pears plums']);
    await client.del('cart');
  },
};

/** Writes while the node that was talked to is dead; what failed is tried again. */
async function survive(client) {
  const started = Date.now();
  let errors = 0;
  for (let number = 0; number < KEYS; number++) {
    for (;;) {
      try {
        await client.set(`io:after:${number}`, number);
        break;
      } catch (error) {
        if (Date.now() - started > PATIENCE_MS) throw error;
        errors++;
        console.log(`tried again after: ${error.message}`);
        if (mode === 'plain') client = await anyNode(ports);
      }
    }
  }
  for (let number = 0; number < KEYS; number++)
    assert.equal(await client.get(`io:after:${number}`), `${number}`);
  console.log(`survived: ${errors} errors, ${Date.now() - started} ms`);
}

const client = await (mode === 'cluster' ? cluster(ports) : anyNode(ports));
await client.ping();
console.log('connect');
for (const [name, step] of Object.entries(steps)) {
  await step(client);
  console.log(name);
}
console.log('lose a node');
await once(process.stdin, 'data');
await survive(client);
process.exit(0);
