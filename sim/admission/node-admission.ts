import type { WriteRequest } from "../../src/adapters/object-semantics/decide-write.ts";
import { plainJson } from "../../src/adapters/object-semantics/plain-json.ts";
import type { StoredObject } from "../../src/adapters/object-semantics/stored-object.ts";
import { PLACED_BY_LABEL } from "../../src/core/model/attachment-labels.ts";
import type { AzVolumeAttachment } from "../../src/core/model/az-volume-attachment.ts";
import { attachmentObjectName } from "../../src/core/model/object-names.ts";
import { sameJson } from "../../src/core/same-json.ts";
import { recordRefusal } from "./record-admission.ts";

/** A write as the API server's admission sees it. */
export interface NodeWrite {
  readonly request: WriteRequest;
  readonly before: StoredObject | undefined;
  /** The node that the token names. */
  readonly nodeName: string;
  readonly attach: "kubernetes" | "driver";
}

/** Why a node's token may not do that, by the chart's roles and admission policies (`deploy/chart/templates/node-*.yaml`); undefined: it may. */
export function nodeRefusal(write: NodeWrite): string | undefined {
  // A conflict is answered before admission is asked.
  if (isOfOlderVersion(write)) return undefined;
  switch (write.request.kind) {
    case "AzVolume":
      return volumeRefusal(write);
    case "AzVolumeAttachment":
      return attachmentRefusal(write);
    case "AzDriverNode":
      return driverNodeRefusal(write);
    default:
      return `a node may not write a ${write.request.kind}`;
  }
}

function isOfOlderVersion({ request, before }: NodeWrite): boolean {
  if (before === undefined || (request.verb !== "update" && request.verb !== "updateStatus")) return false;
  return asWhole(request.object).metadata.resourceVersion !== before.metadata.resourceVersion;
}

interface Whole {
  readonly metadata: AzVolumeAttachment["metadata"];
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

function asWhole(object: unknown): Whole {
  return object as Whole;
}

function volumeRefusal({ request, before, nodeName }: NodeWrite): string | undefined {
  if (request.verb !== "updateStatus" || before === undefined) return "a node writes nothing of an AzVolume but its status";
  const [old, next] = [asWhole(before).status ?? {}, asWhole(plainJson(request.object)).status ?? {}];
  if (old["record"] === undefined || next["record"] === undefined) return "a node neither makes nor removes a writer record";
  if (differsBeyond(old, next, ["record", "detail"])) return "of an AzVolume's status a node writes only its own moves of the record";
  const detail = detailRefusal(old, next, nodeName);
  return detail ?? recordRefusal(old["record"], next["record"], nodeName);
}

function detailRefusal(old: Readonly<Record<string, unknown>>, next: Readonly<Record<string, unknown>>, nodeName: string): string | undefined {
  const [before, after] = [old["detail"], next["detail"]] as readonly (Readonly<Record<string, unknown>> | undefined)[];
  if (sameJson(before, after)) return undefined;
  if (before === undefined || after === undefined || differsBeyond(before, after, ["formatting", "formatted"])) return "a node writes no details of a disk";
  const { writer } = old["record"] as { readonly writer?: { readonly nodeName: string; readonly held: boolean } };
  return writer?.nodeName === nodeName && writer.held ? undefined : "a node writes that it makes the file system only while it holds the volume";
}

function attachmentRefusal({ request, before, nodeName, attach }: NodeWrite): string | undefined {
  if (request.verb === "delete") return "a node deletes no AzVolumeAttachment";
  const next = asWhole(plainJson(request.object));
  const old = before === undefined ? undefined : asWhole(before);
  const names = [next.spec["nodeName"], ...(old === undefined ? [] : [old.spec["nodeName"]])];
  if (names.some((name) => name !== nodeName)) return "a node writes only its own AzVolumeAttachments";
  if (request.verb === "create")
    return attach === "driver" ? newAttachmentRefusal(next, nodeName) : "where VolumeAttachments state wants, nodes make no AzVolumeAttachment";
  if (old === undefined) return undefined;
  if (request.verb === "updateStatus")
    return differsBeyond(old.status ?? {}, next.status ?? {}, ["recall", "deviceMissing"]) ? "a node writes only its answer to a recall" : undefined;
  if (differsBeyond(old.spec, next.spec, ["want", "role"])) return "of an AzVolumeAttachment a node writes only its want";
  if (next.spec["want"] !== undefined && next.spec["role"] !== "Primary") return "what a node wants, is its Primary";
  const kept = ({ metadata: { finalizers, labels } }: Whole): unknown => [finalizers ?? [], labels ?? {}];
  return sameJson(kept(old), kept(next)) ? undefined : "a node leaves finalizers and labels as they are";
}

/** The policy can't compute the hash at the end of a name: any is let through. */
function newAttachmentRefusal({ metadata, spec }: Whole, nodeName: string): string | undefined {
  if (spec["role"] !== "Primary" || spec["want"] === undefined || spec["recall"] !== undefined || spec["published"] !== undefined)
    return "a node makes an AzVolumeAttachment only to say that it wants the volume";
  const readable = attachmentObjectName({ diskUri: String(spec["volumeId"]), nodeName }).slice(0, -"0123456789abcdef01234567".length);
  if (!metadata.name.startsWith(readable) || metadata.name.length !== readable.length + 24)
    return "the name of an AzVolumeAttachment follows from its disk and node";
  if (metadata.labels?.[PLACED_BY_LABEL] !== undefined) return "only controllers place an AzVolumeAttachment";
  return metadata.labels?.["disk.csi.azure.com/node-name"] === nodeName ? undefined : "the label of an AzVolumeAttachment names its node";
}

function driverNodeRefusal({ request, nodeName }: NodeWrite): string | undefined {
  if (request.verb === "delete" || request.verb === "update") return "a node only registers and renews its AzDriverNode";
  const { spec } = asWhole(request.object);
  return request.name === nodeName && spec["nodeName"] === nodeName ? undefined : "a node writes only its own AzDriverNode";
}

function differsBeyond(old: Readonly<Record<string, unknown>>, next: Readonly<Record<string, unknown>>, free: readonly string[]): boolean {
  const keys = new Set([...Object.keys(old), ...Object.keys(next)]);
  return [...keys].some((key) => !free.includes(key) && !sameJson(old[key], next[key]));
}
