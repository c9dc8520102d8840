# Begin a conversation, and say something in it.
URL="${EVERTHREAD_URL:-http://127.0.0.1:8123}"

curl -fsS "$URL/threads" -d '{"thread_id": "hello-curl", "if_exists": "do_nothing"}'
curl -fsS "$URL/threads/hello-curl/runs/wait" \
  -d '{"assistant_id": "chat", "input": {"messages": [{"role": "user", "content": "My name is Anna."}]}}'
curl -fsS "$URL/api/search?q=anna"
