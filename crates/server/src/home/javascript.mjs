// npm install @langchain/langgraph-sdk
import { Client } from "@langchain/langgraph-sdk";

const apiUrl = process.env.EVERTHREAD_URL ?? "http://127.0.0.1:8123";
const client = new Client({ apiUrl, apiKey: process.env.EVERTHREAD_KEY });
const thread = await client.threads.create();
const input = { messages: [{ role: "user", content: "My name is Anna." }] };
const parts = client.runs.stream(thread.thread_id, "chat", { input, streamMode: "messages-tuple" });
for await (const part of parts) {
  if (part.event === "messages") process.stdout.write(part.data[0].content);
}
console.log();
