import { type EventReason, eventReasons, meaningOf } from "../../src/core/events/event-reasons.ts";

/** The rows of the table in docs/reference/events.md: one for each reason, in the order of the code. */
export function eventsRows(): readonly string[] {
  return Object.keys(eventReasons).map((reason) => rowOf(reason as EventReason));
}

const toldNames = {
  PersistentVolumeClaim: "claim",
  Pod: "waiting pods",
  PodOnNode: "pods on the node",
  AnyPod: "all its pods",
  Node: "node",
} as const;

function rowOf(reason: EventReason): string {
  const { type, shownOn, when, remedy } = meaningOf(reason);
  const told = shownOn.map((kind) => toldNames[kind]);
  return `| \`${reason}\` | ${type} | ${told.join(", ")} | ${when} | ${remedy} |`;
}
