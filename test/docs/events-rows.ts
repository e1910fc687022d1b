import { type EventReason, eventReasons, meaningOf } from "../../src/core/events/event-reasons.ts";

/** The rows of the table in docs/events.md: one for each reason, in the order of the code. */
export function eventsRows(): readonly string[] {
  return Object.keys(eventReasons).map((reason) => rowOf(reason as EventReason));
}

function rowOf(reason: EventReason): string {
  const { type, tells, when, cure } = meaningOf(reason);
  const told = tells.map((kind) => (kind === "PersistentVolumeClaim" ? "claim" : kind === "Pod" ? "waiting pods" : "node"));
  return `| \`${reason}\` | ${type} | ${told.join(", ")} | ${when} | ${cure} |`;
}
