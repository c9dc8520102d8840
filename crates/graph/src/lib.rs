//! Conversation graphs: typed state, reducers, a pure superstep planner and an async runner.
