"""Jobs on Google's Dataflow: made without contacting anybody, submitted, updated."""
