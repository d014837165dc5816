import tracefoundry_sdk as tf

tf.quick_start(service="quick-start")

with tf.trace_agent_run("greeter", input="Say hello") as run:
    with tf.llm_call("openai", model="gpt-5-mini", input=run.input) as call:
        call.output = "Hello!"
        call.usage(input_tokens=12, output_tokens=3)
    run.output = call.output
tf.flush(timeout_s=30)
