import type { LabelSelector } from "../../ports/store/object-store.ts";
import type { ObjectMeta, StoredObject } from "./stored-object.ts";

/** One change as a store's log keeps it. */
export interface LoggedChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** The object after the change; for DELETED its last state, with the version of the deletion. */
  readonly object: StoredObject;
  /** The labels before the change; undefined: there was no object or no label. */
  readonly labelsBefore: ObjectMeta["labels"];
}

/** Whether `labels` have every pair of `selector`. */
export function matchesSelector(labels: ObjectMeta["labels"], selector: LabelSelector): boolean {
  return Object.keys(selector).every((key) => labels?.[key] === selector[key]);
}

/**
 * A change as a watch with `selector` reports it: an object that begins to match is ADDED and one that
 * stops matching is DELETED for that watch, whatever happened to it in the store. Undefined: not for
 * this watch.
 */
export function selectedType(
  change: LoggedChange,
  selector: LabelSelector,
): LoggedChange["type"] | undefined {
  const matched = change.type !== "ADDED" && matchesSelector(change.labelsBefore, selector);
  const matches = change.type !== "DELETED" && matchesSelector(change.object.metadata.labels, selector);
  if (matched && matches) return "MODIFIED";
  if (matches) return "ADDED";
  return matched ? "DELETED" : undefined;
}
