import type { WriterRecord } from "../../api/az-volume.ts";

/**
 * Whether a record has a grant that `before` did not have, or one that was not requested then: a plan or an
 * answer of Azure from the time of `before` says nothing of it. A VM that has moved keeps its name and
 * `vmId`, so these can't tell. A release does not count: any token of the node's name may release an entry
 * without a uid (docs/adr/0028-bound-what-a-nodes-token-can-affect.md, rule 10).
 */
export function isGrantedAgain(before: WriterRecord | undefined, { writer }: WriterRecord): boolean {
  if (writer === undefined) return false;
  const was = before?.writer;
  return writer.epoch !== was?.epoch || (writer.requested && !was.requested);
}
