import type { Denial } from "../../src/adapters/object-semantics/decide-write.ts";
import type { StoredObject } from "../../src/adapters/object-semantics/stored-object.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import { sameJson } from "../../src/core/primitives/same-json.ts";

/** A write as a rule of the chart's admission policies sees it. */
export interface NodeWrite {
  /** The node that the token names. */
  readonly nodeName: string;
  /** The uid of the Node that the token names; undefined: it was issued while there was none. */
  readonly nodeUid: string | undefined;
  readonly part: "object" | "status";
  /** Undefined: the object is made. */
  readonly before: Whole | undefined;
  readonly after: Whole;
}

/** An object of any kind, whose fields nothing is known of. */
export interface Whole {
  readonly metadata: AzVolumeAttachment["metadata"];
  readonly spec: Fields;
  readonly status?: Fields;
}

/** What CEL calls a map. */
export type Fields = Readonly<Record<string, unknown>>;

/** One validation of a policy, under the message of the chart's. */
export interface PolicyRule {
  readonly message: string;
  readonly allows: (write: NodeWrite) => boolean;
  /** Its reason is `Forbidden`, and not the default. */
  readonly isForbidden?: true;
}

/** The first rule that a write breaks, as the API server answers it; undefined: it breaks none. */
export function firstBroken(rules: readonly PolicyRule[], write: NodeWrite): Denial | undefined {
  const broken = rules.find(({ allows }) => !allows(write));
  return broken === undefined ? undefined : { message: broken.message, isForbidden: broken.isForbidden };
}

/** What a store keeps, as a rule reads it. */
export function asWhole(object: StoredObject): Whole {
  return object as Whole;
}

/** Whether only `free` fields differ, and of these only `removable` ones are gone. */
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
