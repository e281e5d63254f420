// Asks one question; argv: address, user, question, since and until in ISO 8601, settings as JSON. The password is in
// PASSWORD. Prints a row a line.
import { createClient } from '@clickhouse/client'

const [url, username, query, since, until, settings] = process.argv.slice(2)
const client = createClient({
  url,
  username,
  password: process.env.PASSWORD,
  clickhouse_settings: JSON.parse(settings),
  compression: { response: true },
})
const query_params = { site: 'clinic', since: new Date(since), until: new Date(until) }
const answer = await client.query({ query, query_params, format: 'JSONCompactEachRow' })
for (const row of await answer.json()) console.log(JSON.stringify(row))
await client.close()
