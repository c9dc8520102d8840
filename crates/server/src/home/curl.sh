# Begin a conversation, and say something in it.
URL="${EVERTHREAD_URL:-http://127.0.0.1:8123}"
call() { curl -fsS ${EVERTHREAD_KEY:+-H "X-Api-Key: $EVERTHREAD_KEY"} "$@"; }

call "$URL/threads" -d '{"thread_id": "hello-curl", "if_exists": "do_nothing"}'
call "$URL/threads/hello-curl/runs/wait" \
  -d '{"assistant_id": "chat", "input": {"messages": [{"role": "user", "content": "My name is Anna."}]}}'
call "$URL/api/search?q=anna"
