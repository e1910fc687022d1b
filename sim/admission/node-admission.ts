import type { Denial } from "../../src/adapters/object-semantics/decide-write.ts";
import type { AdmittedWrite } from "../../src/adapters/simulated-store/simulated-store.ts";
import { attachmentRules } from "./attachment-policy.ts";
import { asWhole, firstBroken, type NodeWrite, type PolicyRule } from "./policy-rule.ts";
import { volumeRefusal } from "./volume-policy.ts";

/**
 * What a token names: the node that its pod is bound to, and the uid of that Node when the token was
 * issued.
 */
export type NodeToken = Pick<NodeWrite, "nodeName" | "nodeUid">;

/**
 * Why the chart's admission policies (`deploy/chart/templates/node-admission.yaml`) refuse a write with a
 * node's token, with their message; undefined if they admit it. Covers only what the node's role permits
 * (`nodeForbidden`), which includes no deletion.
 */
export function nodeRefusal(
  { verb, kind, before, after }: AdmittedWrite,
  { nodeName, nodeUid }: NodeToken,
): Denial | undefined {
  if (after === undefined) return { message: `a node deletes no ${kind}` };
  const write = {
    nodeName,
    nodeUid,
    part: verb === "updateStatus" ? "status" : "object",
    before: before === undefined ? undefined : asWhole(before),
    after: asWhole(after),
  } as const;
  if (kind === "AzVolume") return volumeRefusal(write);
  return firstBroken(kind === "AzVolumeAttachment" ? attachmentRules : driverNodeRules, write);
}

const driverNodeRules: readonly PolicyRule[] = [
  {
    message: "a node writes only its own AzDriverNode",
    allows: ({ after: { metadata, spec }, nodeName }) =>
      metadata.name === nodeName && spec["nodeName"] === nodeName,
  },
];
