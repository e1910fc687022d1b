import type { AzVolume } from "../core/api/az-volume.ts";
import { ok, type Result } from "../core/failure/result.ts";
import { withRecordLabels } from "../core/writer/record/node-labels.ts";
import type { Steps } from "../ports/steps.ts";
import type { Kind, KindMap, ObjectStore } from "../ports/store/object-store.ts";

/**
 * The same store, except that no record comes to name a node whose label the AzVolume lacks: the label is
 * written first, on the version that the status is for. A node plug-in watches only volumes with its label,
 * so it would see a grant, or that it was fenced, only by chance. Labels are no part of the status, and a
 * crash between the two writes leaves a label too many.
 */
export function labelFirst(store: ObjectStore, steps: Steps): ObjectStore {
  async function labelled(volume: AzVolume, signal: AbortSignal): Promise<Result<AzVolume>> {
    const labels = withRecordLabels(volume);
    if (labels === undefined) return ok(volume);
    const written = await steps.run("label-nodes", () =>
      store.update("AzVolume", { ...volume, metadata: { ...volume.metadata, labels } }, signal),
    );
    return written.ok ? ok({ ...volume, metadata: written.value.metadata }) : written;
  }

  return {
    ...store,
    updateStatus: async <K extends Kind>(kind: K, object: KindMap[K], signal: AbortSignal) => {
      if (kind !== "AzVolume") return store.updateStatus(kind, object, signal);
      const volume = await labelled(object as AzVolume, signal);
      return volume.ok ? store.updateStatus(kind, volume.value as KindMap[K], signal) : volume;
    },
  };
}
