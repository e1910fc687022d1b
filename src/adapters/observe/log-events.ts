import { meaningOf, withRemedy } from "../../core/events/event-reasons.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { Logger } from "../../ports/logger.ts";

/** The most events that are remembered for recognising repetitions. */
const REMEMBERED_MAX = 1_000;

/** Events as log lines, the same one about the same object only once in a row. */
export function createLogEvents(logger: Logger): Events {
  const lastLocalKeys = new Map<string, string>();
  return {
    emit: ({ about, reason, message, nodeName, localKey = message }) => {
      const key = `${about.kind}/${about.name}/${reason}/${nodeName ?? ""}`;
      if (lastLocalKeys.get(key) === localKey) return;
      lastLocalKeys.delete(key);
      lastLocalKeys.set(key, localKey);
      const oldest = lastLocalKeys.keys().next().value;
      if (lastLocalKeys.size > REMEMBERED_MAX && oldest !== undefined) lastLocalKeys.delete(oldest);
      const fields = {
        object: `${about.kind}/${about.name}`,
        reason,
        note: withRemedy(reason, message),
        ...(nodeName === undefined ? {} : { nodeName }),
      };
      if (meaningOf(reason).type === "Warning") logger.warn("event", fields);
      else logger.info("event", fields);
    },
  };
}
