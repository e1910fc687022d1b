import { diceAgain, type FaultVariant, overAtOnce, pick } from "../fault-class.ts";
import { erase, eraseAttachmentsOf } from "./delete-by-hand.ts";
import { volumeObjectOf } from "./volume-object.ts";

/** From the deletion of the objects until they are there again, in milliseconds. */
const AWAY_MS = [50, 500, 5_000] as const;

/**
 * A person deletes the objects of a volume with their finalizers, and makes them again from manifests of
 * earlier, as Velero and `kubectl replace --force` do: with an earlier spec, and without a status, which the
 * API server takes at no creation.
 */
export const putBack: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: ({ world, later }, { volumeName, forMs, dice }) => {
    const volume = volumeObjectOf(world, volumeName);
    if (volume === undefined) return overAtOnce;
    const { signal } = new AbortController();
    const operator = world.store.handle("operator");
    const attachments = world.store
      .objects("AzVolumeAttachment")
      .filter(({ spec }) => spec.volumeName === volume);
    const volumes = world.store.objects("AzVolume").filter(({ metadata }) => metadata.name === volume);
    const isAll = dice < 0.6;
    const put = async (): Promise<void> => {
      // Of a volume that its user has deleted since, an AzVolume would make another disk.
      if (!world.cluster.workloads().some((workload) => workload.volumeName === volumeName)) return;
      for (const { metadata, spec } of volumes) {
        const { name, labels, finalizers } = metadata;
        await operator.create("AzVolume", { metadata: { name, labels, finalizers }, spec }, signal);
      }
      for (const { metadata, spec } of isAll ? attachments : []) {
        const { name, labels, finalizers } = metadata;
        await operator.create("AzVolumeAttachment", { metadata: { name, labels, finalizers }, spec }, signal);
      }
    };
    later(forMs * diceAgain(dice, 1), () => {
      erase(world, "AzVolume", volume, true);
      if (isAll) eraseAttachmentsOf(world, volume, true);
      later(pick(AWAY_MS, diceAgain(dice, 2)), () => {
        put().catch((error: unknown) =>
          world.report({ invariant: "crashed", detail: `an operator can't restore: ${String(error)}` }),
        );
      });
    });
    return overAtOnce;
  },
};
