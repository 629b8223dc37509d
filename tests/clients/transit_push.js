// Drives the published npm package `transit-js`: writes records as Transit and posts them to push.
//
// Arguments: the folder with node_modules, "json" or "json-verbose". Standard input: one JSON object with `url`,
// `token`, `client_id` and `keys_max`. Prints status, body and length of what was sent, as JSON.
"use strict";

const { createRequire } = require("node:module");
const path = require("node:path");

const [folder, kind] = process.argv.slice(2);
const t = createRequire(path.join(folder, "here.js"))("transit-js");

function record(clientId, tableName, sequence, data) {
  return t.map([
    "client_id", clientId,
    "table_name", tableName,
    "sequence", sequence,
    "action", "upsert",
    "key_names", ["id"],
    "data", data,
  ]);
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const told = JSON.parse(Buffer.concat(chunks));
  const values = t.map([
    "id", 1,
    "seen_at", new Date(Date.UTC(2019, 7, 15, 14, 40, 17, 25)),
    "big", t.integer("9223372036854775807"),
    "price", t.bigDec("12345678901234567890.123456789"),
    "ratio", 1.5,
    "yes", true,
    "uid", t.uuid("531a379e-31bb-4ce1-8690-158dceb64be6"),
    "word", t.keyword("tide"),
    "symbol", t.symbol("gate"),
    "address", t.uri("https://example.com/a?b=c"),
    "tilde", "~m0",
    "caret", "^0",
    "quote", "`x",
    "nothing", null,
  ]);
  const records = [record(told.client_id, "js_values", t.integer("1565276078922000095"), values)];
  const huge = t.map(["id", 1, "huge", t.bigInt("123456789012345678901234567890")]);
  records.push(record(told.client_id, "js_huge", 1, huge));
  // More distinct keys than the cache of strings has entries, in tables of 100 columns, each key met twice.
  for (let table = 0; table * 100 < told.keys_max; table++) {
    for (const id of [1, 2]) {
      const data = ["id", id];
      for (let key = 0; key < 100; key++) data.push(`field_${table}_${key}`, table * 1000 + key + id);
      records.push(record(told.client_id, `js_wide_${table}`, id, t.map(data)));
    }
  }
  const body = t.writer(kind).write(records);
  const answer = await fetch(told.url, {
    method: "POST",
    headers: { Authorization: `Bearer ${told.token}`, "Content-Type": "application/transit+json" },
    body,
  });
  console.log(JSON.stringify({ status: answer.status, body: await answer.text(), sent: body.length, codes: body.includes('"^') }));
}

main();
