// Trino's own JavaScript client against a server: rows, prepared statements, errors, what is known of a query.
const assert = require('node:assert');
const { BasicAuth, Trino } = require('trino-client');

const trino = Trino.create({
  server: process.argv[2],
  catalog: 'depthlake',
  schema: 'normalized',
  auth: new BasicAuth('check'),
});

async function rows(sql) {
  const all = [];
  for await (const page of await trino.query(sql)) {
    if (page.error) throw new Error(`${page.error.errorName}: ${page.error.message}`);
    all.push(...(page.data ?? []));
  }
  return all;
}

async function main() {
  assert.deepStrictEqual(await rows(`SELECT 42, 'a"ü', DECIMAL '1.50', ARRAY[1, 2]`), [[42, 'a"ü', '1.50', [1, 2]]]);
  console.log('ok values of several types');
  const many = await rows('SELECT n FROM UNNEST(sequence(1, 9999)) AS t(n)');
  assert.strictEqual(many.length, 9999);
  assert.deepStrictEqual(many[9998], [9999]);
  console.log('ok all rows of many');
  assert((await rows('SHOW TABLES')).some(([name]) => name === 'trades'));
  console.log('ok tables');
  await assert.rejects(rows('SELECT * FROM nothing_at_all'), /TABLE_NOT_FOUND/);
  console.log('ok errors');
  const answer = await trino.query('SELECT count(*) FROM trades');
  const { value } = await answer.next();
  const info = await trino.queryInfo(value.id);
  assert.strictEqual(info.query, 'SELECT count(*) FROM trades');
  console.log('ok what is known of a query');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
