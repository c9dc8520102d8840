"""The notebook's graph for `langgraph dev`, which brings its own store in memory."""

from bench_langgraph import notebook_graph

chat = notebook_graph(None)
