//! The chatbot: context policy, summaries, profiles, over any store and any model.
