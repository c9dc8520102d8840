// The reference client of the Model Context Protocol.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { serve } from "./server.js";

let server;
before(async () => (server = await serve("scripted:echo", process.env.EVERTHREAD_URL)));
after(() => server.stop());

test("tools remember and recall", async () => {
  const client = new Client({ name: "everthread-clients", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`)));
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name).sort(), [
    "read_conversation",
    "recall",
    "remember",
    "search_conversations",
  ]);
  const key = crypto.randomUUID();
  await client.callTool({ name: "remember", arguments: { key, text: "The dog is called Rex." } });
  const recalled = await client.callTool({ name: "recall", arguments: { key } });
  assert.equal(recalled.structuredContent.items[0].value.text, "The dog is called Rex.");
  await client.close();
});
