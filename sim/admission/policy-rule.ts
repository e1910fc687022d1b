import type { Denial } from "../../src/adapters/object-semantics/decide-write.ts";
import type { StoredObject } from "../../src/adapters/object-semantics/stored-object.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import { sameJson } from "../../src/core/primitives/same-json.ts";

/** A write as the rules of the chart's admission policies receive it. */
export interface NodeWrite {
  /** The node that the token names. */
  readonly nodeName: string;
  /**
   * The uid of the Node that the token names; undefined if the token was issued while there was no such
   * Node.
   */
  readonly nodeUid: string | undefined;
  readonly part: "object" | "status";
  /** Undefined for a creation. */
  readonly before: Whole | undefined;
  readonly after: Whole;
}

/** An object of any kind, with untyped fields. */
export interface Whole {
  readonly metadata: AzVolumeAttachment["metadata"];
  readonly spec: Fields;
  readonly status?: Fields;
}

/** What CEL calls a map. */
export type Fields = Readonly<Record<string, unknown>>;

/** One validation of a policy, with the chart's message. */
export interface PolicyRule {
  readonly message: string;
  readonly allows: (write: NodeWrite) => boolean;
  /** The reason is `Forbidden` instead of the default. */
  readonly isForbidden?: true;
}

/** The first rule that a write breaks, as the API server reports it; undefined if it breaks none. */
export function firstBroken(rules: readonly PolicyRule[], write: NodeWrite): Denial | undefined {
  const broken = rules.find(({ allows }) => !allows(write));
  return broken === undefined ? undefined : { message: broken.message, isForbidden: broken.isForbidden };
}

/** A stored object in the form that rules read. */
export function asWhole(object: StoredObject): Whole {
  return object as Whole;
}

/** Whether only `free` fields differ, and of these only `removable` ones were removed. */
export function changesOnly(
  before: Fields,
  after: Fields,
  free: readonly string[],
  removable: readonly string[] = [],
): boolean {
  const isKept = Object.keys(before).every((key) => key in after || removable.includes(key));
  return (
    isKept &&
    Object.keys(after).every(
      (key) => free.includes(key) || (key in before && sameJson(after[key], before[key])),
    )
  );
}
