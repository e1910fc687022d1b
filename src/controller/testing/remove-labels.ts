import { LIMIT_MS } from "../../adapters/virtual/testing/settled-on.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { attachmentName } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import type { ReconcileWorld } from "./a-controller.ts";

/** Removes all labels of a node's attachment, as a person does, and waits until the cache shows it. */
export async function removeLabels({ other, ports, clock }: ReconcileWorld, nodeName: string): Promise<void> {
  const name = attachmentName(nodeName);
  const never = new AbortController().signal;
  const present = await must(other.get("AzVolumeAttachment", name, never));
  const { labels: _, ...metadata } = present.metadata;
  await must(other.update("AzVolumeAttachment", { ...present, metadata }, never));
  const isShown = (): boolean => ports.cache.get("AzVolumeAttachment", name)?.metadata.labels === undefined;
  invariant(await clock.runUntil(isShown, LIMIT_MS), "the cache does not follow");
}
