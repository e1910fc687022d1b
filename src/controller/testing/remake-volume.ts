import { must } from "../../core/testing/value-of.ts";
import type { ReconcileWorld } from "./a-controller.ts";

const never = new AbortController().signal;

/**
 * Deletes `pvc-1`, and recreates it under its name with the same content. The cache does not show it yet.
 */
export async function remakeVolume({ other }: Pick<ReconcileWorld, "other">): Promise<void> {
  const { metadata, spec, status } = await must(other.get("AzVolume", "pvc-1", never));
  await removeVolume({ other });
  const made = await must(other.create("AzVolume", { metadata: { name: metadata.name }, spec }, never));
  await must(other.updateStatus("AzVolume", { ...made, ...(status === undefined ? {} : { status }) }, never));
}

/** Deletes `pvc-1` for good. The cache still shows it. */
export async function removeVolume({ other }: Pick<ReconcileWorld, "other">): Promise<void> {
  const present = await must(other.get("AzVolume", "pvc-1", never));
  await must(
    other.update("AzVolume", { ...present, metadata: { ...present.metadata, finalizers: [] } }, never),
  );
  await must(other.delete("AzVolume", "pvc-1", {}, never));
}
