import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import { listIn } from "../../src/core/testing/record-lists.ts";

type Writer = NonNullable<WriterRecord["writer"]>;

/**
 * The error in the step from one version of a writer record to the next; undefined if there is none.
 * Written from the table of the writer protocol alone, independently of the code of the steps.
 */
export function wrongMove(before: WriterRecord, after: WriterRecord): string | undefined {
  const [from, to] = [before.writer, after.writer];
  if (after.epoch < before.epoch) return `the epoch went back from ${before.epoch} to ${after.epoch}`;
  if (from !== undefined && to !== undefined) return wrongHolding(before, from, to);
  if (from === undefined && to !== undefined) return wrongGrant(before, after, to);
  if (from !== undefined && to === undefined) return wrongEnd(before, after, from);
  return undefined;
}

function wrongHolding(before: WriterRecord, from: Writer, to: Writer): string | undefined {
  if (from.vmId !== to.vmId || from.epoch !== to.epoch)
    return `${to.nodeName} (epoch ${to.epoch}) is the writer beside ${from.nodeName} (epoch ${from.epoch})`;
  if (from.held || !to.held) return undefined;
  if (!from.requested) return `${to.nodeName} acquired what is being recalled`;
  return before.fencing?.vmId === to.vmId ? `${to.nodeName} acquired while it is being fenced` : undefined;
}

function wrongGrant(before: WriterRecord, after: WriterRecord, to: Writer): string | undefined {
  if (to.epoch !== after.epoch || after.epoch <= before.epoch)
    return `${to.nodeName} was granted epoch ${to.epoch} after epoch ${before.epoch}`;
  if (to.held)
    return isClaim(before, after, to) ? undefined : `${to.nodeName} holds what it was only granted`;
  if (before.fencing !== undefined)
    return `${to.nodeName} was granted the volume while ${before.fencing.nodeName} is being fenced`;
  if (listIn(before, "unverified").length > 0)
    return (
      `${to.nodeName} was granted the volume while ` +
      `${listIn(before, "unverified")
        .map((node) => node.nodeName)
        .join(", ")} is unverified`
    );
  return listIn(before, "quarantined").some((node) => node.vmId === to.vmId)
    ? `${to.nodeName} was granted the volume in quarantine`
    : undefined;
}

/** A node that had the disk when its record was lost continues to write. */
function isClaim(before: WriterRecord, after: WriterRecord, to: Writer): boolean {
  const isUnverified = (record: WriterRecord): boolean =>
    listIn(record, "unverified").some((node) => node.vmId === to.vmId);
  return isUnverified(before) && !isUnverified(after) && before.fencing?.vmId !== to.vmId;
}

function wrongEnd(before: WriterRecord, after: WriterRecord, from: Writer): string | undefined {
  const isFenced =
    before.fencing?.vmId === from.vmId &&
    listIn(after, "quarantined").some((node) => node.vmId === from.vmId);
  if (isFenced) return undefined;
  if (from.held) return `${from.nodeName} is no writer any more, and neither released nor was fenced`;
  return from.requested ? `${from.nodeName} was revoked while it was requested` : undefined;
}
