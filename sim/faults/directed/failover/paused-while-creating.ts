import { type FaultVariant, leaderOf } from "../../fault-class.ts";

const LOOK_EVERY_MS = 5;
/** How long a disk may take from the claim to its first request, in milliseconds. */
const BEGUN_WITHIN_MS = 20_000;
/** After the lost response, in milliseconds: before the request is sent again. */
const PAUSED_AFTER_MS = 60;
/**
 * From then on, in milliseconds: another controller leads by the first, and has deleted the disk by the
 * second.
 */
const DELETED_AFTER_MS = 18_000;
const RESUMED_AFTER_MS = 45_000;

/**
 * The leader loses the response to the creation of a disk, and is paused before it sends the request
 * again. The claim is deleted, and the next leader deletes the disk. Then the first leader resumes.
 */
export const pausedWhileCreating: FaultVariant = {
  forMs: [70_000, 80_000],
  isDirected: true,
  delaysNews: true,
  begin: ({ world, later }, { volumeName, atMs }) => {
    const { cluster, azure } = world;
    const shortLived = `${volumeName}-created-${atMs}`;
    const isBegun = (): boolean =>
      [...azure.model.world.disks.values()].some(({ spec }) =>
        Object.values(spec.tags ?? {}).includes(shortLived),
      );
    let leader = leaderOf(world);
    let isDeleted = false;
    const deleteClaim = (): void => {
      if (!isDeleted) cluster.deleteWorkload(shortLived);
      isDeleted = true;
    };
    const proceed = (): void => {
      leader.setAzureReachable(true);
      leader.resume();
    };
    const strike = (): void => {
      leader = leaderOf(world);
      leader.setAzureReachable(false);
      later(PAUSED_AFTER_MS, () => leader.pause());
      later(DELETED_AFTER_MS, deleteClaim);
      later(RESUMED_AFTER_MS, proceed);
    };
    const look = (leftMs: number): void => {
      if (isBegun()) strike();
      else if (leftMs > 0) later(LOOK_EVERY_MS, () => look(leftMs - LOOK_EVERY_MS));
    };
    cluster.apply({
      volumeName: shortLived,
      sizeGiB: 4,
      skuName: "Premium_LRS",
      maxShares: 1,
      replicas: 0,
      access: "mount",
    });
    look(BEGUN_WITHIN_MS);
    return () => {
      proceed();
      deleteClaim();
    };
  },
};
