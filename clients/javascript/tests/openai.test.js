// OpenAI's own client: chat completions, responses, conversations, models.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import OpenAI from "openai";

import { SLOW_QUESTION, serve } from "./server.js";

let fast, slow;
before(async () => {
  fast = await serve("scripted:echo", process.env.EVERTHREAD_URL);
  slow = await serve("scripted:slow", process.env.EVERTHREAD_SLOW_URL);
});
after(async () => {
  await fast.stop();
  await slow.stop();
});

const at = (server) => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
const user = (content) => ({ role: "user", content });

async function all(pages) {
  const got = [];
  for await (const one of pages) got.push(one);
  return got;
}

test("models are listed", async () => {
  const [first] = await all(at(fast).models.list());
  assert.equal((await at(fast).models.retrieve(first.id)).id, first.id);
  await assert.rejects(at(fast).models.retrieve("gpt-9"), { status: 404, code: "model_not_found" });
});

test("a completion is answered and streamed", async () => {
  const asked = { model: "chat", messages: [user(SLOW_QUESTION)] };
  const whole = await at(fast).chat.completions.create(asked);
  assert.match(whole.choices[0].message.content, /^You said: /);
  const stream = at(slow).chat.completions.stream(asked);
  let said = "";
  stream.on("content", (piece) => (said += piece));
  assert.equal((await stream.finalChatCompletion()).choices[0].message.content, said);
});

test("a whole history adds its tail, an edited one forks", async () => {
  const client = at(fast);
  const metadata = { conversation_id: crypto.randomUUID() };
  const messages = [];
  const ask = async (asked) => {
    const reply = await client.chat.completions.create({ model: "chat", messages: asked, metadata });
    return reply.choices[0].message;
  };
  for (const text of ["one", "two"]) {
    messages.push(user(text));
    messages.push(await ask(messages));
  }
  const said = async () => {
    const items = await all(client.conversations.items.list(metadata.conversation_id, { order: "asc" }));
    return items.filter((item) => item.role === "user").map((item) => item.content[0].text);
  };
  assert.deepEqual(await said(), ["one", "two"]);
  await ask([...messages.slice(0, 2), user("zwei")]);
  assert.deepEqual(await said(), ["one", "zwei"]);
});

test("a response is streamed, kept, gone on from and deleted", async () => {
  const client = at(slow);
  const stream = client.responses.stream({ model: "chat", input: SLOW_QUESTION });
  let said = "";
  stream.on("response.output_text.delta", (event) => (said += event.delta));
  const first = await stream.finalResponse();
  assert.equal(first.output_text, said);
  assert.equal((await client.responses.retrieve(first.id)).output_text, said);
  const next = await client.responses.create({ model: "chat", input: "b", previous_response_id: first.id });
  assert.equal(next.status, "completed");
  const given = await all(client.responses.inputItems.list(next.id));
  assert.deepEqual(given.map((item) => item.content[0].text), ["b"]);
  await client.responses.delete(next.id);
  await assert.rejects(client.responses.retrieve(next.id), { status: 404 });
});

test("a conversation has items", async () => {
  const client = at(fast);
  const made = await client.conversations.create({ metadata: { topic: "x" }, items: [user("zero")] });
  await client.responses.create({ model: "chat", input: "one", conversation: made.id });
  const items = await all(client.conversations.items.list(made.id, { limit: 2 }));
  assert.equal(items.length, 3);
  assert.deepEqual((await client.conversations.update(made.id, { metadata: {} })).metadata, {});
  assert.equal((await client.conversations.delete(made.id)).deleted, true);
});

test("a busy conversation is refused once", async () => {
  const client = at(slow);
  const conversation = (await client.conversations.create()).id;
  const asked = { model: "chat", input: SLOW_QUESTION, conversation };
  const running = await client.responses.create({ ...asked, background: true });
  await assert.rejects(client.responses.create(asked), { status: 409, code: "thread_busy" });
  assert.equal((await client.responses.cancel(running.id)).status, "cancelled");
});
