import type { Denial } from "../../src/adapters/object-semantics/decide-write.ts";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { sameJson } from "../../src/core/primitives/same-json.ts";
import { otherNodeRule } from "./other-node.ts";
import { changesOnly, type Fields, firstBroken, type NodeWrite, type PolicyRule } from "./policy-rule.ts";
import { recordRefusal, VALUE_MAX_CHARS } from "./record-admission.ts";

/**
 * The rules of the chart's policy for AzVolumes, in its order, without those that the node's role makes
 * unnecessary.
 */
const statusRules: readonly PolicyRule[] = [
  {
    message: "a node neither creates nor removes a writer record",
    allows: ({ before, after }) =>
      before?.status?.["record"] !== undefined && after.status?.["record"] !== undefined,
  },
  otherNodeRule,
  {
    message: "a node changes of an AzVolume's status only the record, by its own steps, and its file system",
    allows: ({ before, after }) =>
      changesOnly(before?.status ?? {}, after.status ?? {}, ["record", "detail"]),
  },
  {
    message: "a node changes of a disk's details only the file system, and only while it holds the volume",
    allows: (write) => {
      const { before, after } = detailsOf(write);
      if (before === undefined || after === undefined) return before === after;
      return changesOnly(before, after, isHolder(write) ? ["formatted"] : []);
    },
  },
  {
    message:
      "the node that made or first saw the file system records it once; afterwards only its UUID may be " +
      "added",
    allows: (write) => {
      const [old, next] = [
        detailsOf(write).before?.["formatted"],
        detailsOf(write).after?.["formatted"],
      ] as readonly (Fields | undefined)[];
      if (old === undefined || next === undefined) return old === next || namedIn(next) === write.nodeName;
      return sameJson(old, next) || (old["uuid"] === undefined && changesOnly(old, next, ["uuid"]));
    },
  },
  {
    message: "the fields that a node writes about a file system have at most 1024 characters each",
    allows: (write) => {
      const [old, next] = [detailsOf(write).before?.["formatted"], detailsOf(write).after?.["formatted"]];
      return (
        sameJson(old, next) ||
        Object.values((next ?? {}) as Fields).every((value) => String(value).length <= VALUE_MAX_CHARS)
      );
    },
  },
];

/** Why the chart's policy refuses a node's write of an AzVolume's status; undefined if it admits it. */
export function volumeRefusal(write: NodeWrite): Denial | undefined {
  const broken = firstBroken(statusRules, write);
  if (broken !== undefined) return broken;
  const message = recordRefusal(
    write.before?.status?.["record"],
    write.after.status?.["record"],
    write.nodeName,
  );
  return message === undefined ? undefined : { message };
}

function detailsOf({ before, after }: NodeWrite): {
  readonly before: Fields | undefined;
  readonly after: Fields | undefined;
} {
  const of = (status: Fields | undefined): Fields | undefined => status?.["detail"] as Fields | undefined;
  return { before: of(before?.status), after: of(after.status) };
}

function isHolder({ before, nodeName }: NodeWrite): boolean {
  const { writer } = (before?.status?.["record"] ?? {}) as Partial<WriterRecord>;
  return writer?.nodeName === nodeName && writer.held;
}

function namedIn(mark: unknown): string | undefined {
  return (mark as { readonly nodeName: string } | undefined)?.nodeName;
}
