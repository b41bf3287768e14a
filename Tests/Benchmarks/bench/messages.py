"""From a message's row to the broker's confirmation, against the broker's own rate."""
import subprocess
import time

from .stack import Stack, heading, line



def measure(folder, count=20000):
    heading(f"{count:,} messages: rows published by the scheduler's sweep, against the broker's own rate")
    with Stack(folder, {"seed": 1, "users": 10}, workers="fetcher=0,differ=0,persister=0") as stack:
        environment = dict(stack.environment)
        own = subprocess.run([folder + "/broker-rate", str(count)], env=environment, capture_output=True, text=True,
                             check=True)
        broker = float(own.stdout.split()[0])
        line("the broker alone", f"{broker:,.0f} /s", "durable, confirmed, quorum queue, one connection")
        begin = time.monotonic()
        stack.sql(f"""
            INSERT INTO backup.messages (id, queue, tenant_id, job_id, epoch, visible_at, body)
            -- Visible a moment after its making: the sweep leaves newer rows to the stage that made them for some seconds.
            SELECT id, 'persist', gen_random_uuid(), gen_random_uuid(), 1, clock_timestamp() + interval '20 ms',
                json_build_object(
                'kind', 'round.settled.v1', 'id', id, 'tenant', id, 'job', id, 'epoch', 1, 'trace', repeat('0', 32))
            FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, {count})) m
            """)
        stack.wait("all messages are confirmed", lambda: stack.sql(
            "SELECT count(*) FROM backup.messages WHERE published_at IS NULL") == "0")
        seconds = time.monotonic() - begin
        line("row to confirmed", f"{count / seconds:,.0f} /s", f"{count / seconds / broker:.2f} x the broker alone")
