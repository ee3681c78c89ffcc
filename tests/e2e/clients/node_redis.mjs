// Kindred from Node, by npm's redis: node_redis.mjs plain|cluster PROTOCOL PORT ...
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { once } from 'node:events';

const require = createRequire(process.env.NODE_PACKAGES + '/');
const { createClient, createCluster } = require('redis');
const KEYS = 60;
const PATIENCE_MS = 20000;
const [mode, protocol, ...ports] = process.argv.slice(2);
const RESP = Number(protocol);

// snippet
/** A client of the first node that answers: every node takes every command for every key. */
async function anyNode(ports) {
  for (const port of ports) {
    const socket = { host: '127.0.0.1', port: Number(port), connectTimeout: 2000, reconnectStrategy: false };
    const client = createClient({ RESP, socket });
    client.on('error', () => {}); // the command that fails is told too
    try {
      return await client.connect();
    } catch {
      continue;
    }
  }
  throw new Error('no node answers');
}

/** A cluster client: it sends each command to a node that holds the key. */
async function cluster(ports) {
  const rootNodes = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
  const client = createCluster({ RESP, rootNodes });
  client.on('error', () => {});
  return client.connect();
}

/** A command that the library has no method for; a cluster client wants to know whose key it is. */
function call(client, command, key, ...rest) {
  return client.sendCommand.length > 2
    ? client.sendCommand(key, false, [command, key, ...rest])
    : client.sendCommand([command, key, ...rest]);
}

/** Adds to a list that others change too: reads all versions, writes one that has them all. */
async function addToCart(client, item) {
  const [context, versions] = await call(client, 'DGET', 'cart');
  const items = new Set(versions.flatMap((version) => version.split(' ')).concat(item));
  await call(client, 'DPUT', 'cart', context, [...items].sort().join(' '));
}
// end of snippet

const steps = {
  async crud(client) {
    assert.equal(await client.set('js', '1'), 'OK');
    assert.equal(await client.get('js'), '1');
    assert.equal(await client.incrBy('js', 41), 42);
    assert.equal(await client.set('js', 'x', { NX: true }), null);
    assert.equal(await client.del('js'), 1);
    assert.equal(await client.get('js'), null);
  },

  async pipeline(client) { // what is sent in one turn goes out together
    const numbers = [...Array(100).keys()];
    const replies = await Promise.all(numbers.map((n) => client.set(`js:${n}`, `${n}`)));
    assert.deepEqual(replies, Array(100).fill('OK'));
  },

  async transaction(client) {
    const replies = await client.multi().set('{js}a', '1').incr('{js}a').get('{js}a').exec();
    assert.deepEqual(replies, ['OK', 2, '2']);
  },

  async expiry(client) {
    await client.set('js', '1', { EX: 100 });
    assert.ok([99, 100].includes(await client.ttl('js')));
    await client.pExpire('js', 1);
    const deadline = Date.now() + PATIENCE_MS;
    while (await client.exists('js')) assert.ok(Date.now() < deadline);
  },

  async scan(client) {
    const found = new Set();
    const nodes = mode === 'cluster'
      ? await Promise.all(client.masters.map((node) => client.nodeClient(node))) : [client];
    for (const node of nodes) // each of them speaks for the whole store
      for await (const keys of node.scanIterator({ MATCH: 'js:*', COUNT: 50 }))
        for (const key of keys) found.add(key);
    assert.equal(found.size, 100);
  },

  async versions(client) {
    await call(client, 'DPUT', 'cart', '', 'apples');
    await call(client, 'DPUT', 'cart', '', 'pears');
    await addToCart(client, 'plums');
    assert.deepEqual((await call(client, 'DGET', 'cart'))[1], ['apples pears plums']);
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
        await client.set(`js:after:${number}`, `${number}`);
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
    assert.equal(await client.get(`js:after:${number}`), `${number}`);
  console.log(`survived: ${errors} errors, ${Date.now() - started} ms`);
}

const client = await (mode === 'cluster' ? cluster(ports) : anyNode(ports));
console.log('connect');
for (const [name, step] of Object.entries(steps)) {
  await step(client);
  console.log(name);
}
console.log('lose a node');
await once(process.stdin, 'data');
await survive(client);
process.exit(0);
