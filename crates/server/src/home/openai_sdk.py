# pip install openai
import os

from openai import OpenAI

url = os.environ.get("EVERTHREAD_URL", "http://127.0.0.1:8123")
client = OpenAI(base_url=f"{url}/v1", api_key=os.environ.get("EVERTHREAD_KEY", "none"))
conversation = client.conversations.create()
with client.responses.stream(
    model="chat", conversation=conversation.id, input="My name is Anna."
) as stream:
    for event in stream:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
print()
