# pip install langgraph-sdk
import os

from langgraph_sdk import get_sync_client

url = os.environ.get("EVERTHREAD_URL", "http://127.0.0.1:8123")
client = get_sync_client(url=url, api_key=os.environ.get("EVERTHREAD_KEY"))
thread = client.threads.create()
message = {"role": "user", "content": "My name is Anna."}
for part in client.runs.stream(
    thread["thread_id"], "chat", input={"messages": [message]}, stream_mode="messages-tuple"
):
    if part.event == "messages":
        print(part.data[0]["content"], end="", flush=True)
print()
