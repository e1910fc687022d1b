import type { VolumeSettings } from "../../src/core/attachment/observed-volume.ts";
import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import { findDisk } from "../../src/emulator/model/world.ts";
import { watchLabels } from "../checkers/labels/watch-labels.ts";
import { watchReach } from "../checkers/reach/watch-reach.ts";
import { watchMarks } from "../checkers/silence/watch-marks.ts";
import { watchPowerOffs } from "../checkers/silence/watch-power-offs.ts";
import { watchSilences } from "../checkers/silence/watch-silences.ts";
import { watchCutOffs } from "../checkers/watch-cut-offs.ts";
import { watchDeletions } from "../checkers/watch-deletions.ts";
import { watchFormats } from "../checkers/watch-formats.ts";
import { watchGrants } from "../checkers/watch-grants.ts";
import { watchLuns } from "../checkers/watch-luns.ts";
import { watchMounts } from "../checkers/watch-mounts.ts";
import { watchPace } from "../checkers/watch-pace.ts";
import { watchPreemptions } from "../checkers/watch-preemptions.ts";
import { watchRefusedReleases } from "../checkers/watch-refused-releases.ts";
import { watchReplicas } from "../checkers/watch-replicas.ts";
import { watchStrangers } from "../checkers/watch-strangers.ts";
import { watchWriters } from "../checkers/watch-writers.ts";
import type { JournalWatch } from "../history/journal-reader.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { VmChanges } from "../history/vm-changes.ts";
import type { ClusterScenario } from "../scenario/scenario.ts";
import type { SimWorld } from "../world.ts";

/** The checkers that watch a cluster as things happen. */
export interface PromisesWatch extends JournalWatch {
  /** The cluster's calls to Azure so far, without polls. */
  armCalls(): number;
  /** Store incarnations that restored backups have taken back. */
  incarnationsLost(): number;
}

/** Watches a cluster from now on. */
export function watchPromises(
  world: SimWorld,
  {
    attach,
    settings,
    outside,
    vmChanges,
  }: {
    readonly attach: ClusterScenario["attach"];
    readonly settings: VolumeSettings;
    readonly outside: OutsideEvents;
    readonly vmChanges: VmChanges;
  },
): PromisesWatch {
  const { clock, azure } = world;
  const { journal } = azure;
  const isShared = (diskUri: string): boolean =>
    world.cluster
      .workloads()
      .some(
        ({ volumeName, sharedBy }) =>
          sharedBy !== undefined && isSameResourceUri(world.cluster.diskUriOf(volumeName) ?? "", diskUri),
      );
  watchWriters(world, isShared);
  // Azure's clock is the world's, and no fault moves it.
  const startedAtMs = clock.nowMs() - clock.elapsedMs();
  const elapsedMsAt = (atMs: number): number => atMs - startedAtMs;
  const isNodesOwn = (diskUri: string): boolean => attach === "driver" && isShared(diskUri);
  watchCutOffs({ ...world, outside, vmChanges, elapsedMsAt, isNodesOwn });
  watchRefusedReleases({ ...world, outside });
  watchLabels(world);
  watchReplicas({ ...world, outside }, { attach, ...settings });
  watchReach({
    ...world,
    azure: { vmOf: azure.vmOf, diskAt: (diskUri) => findDisk(azure.model.world, diskUri) },
  });
  if (attach === "driver") watchGrants({ ...world, outside });
  watchSilences(world);
  watchMarks(world);
  watchMounts({ ...world, outside });
  watchFormats({ ...world, outside });
  watchLuns(world, {
    disksMax: (machine) =>
      [...azure.model.world.virtualMachines.values()].find(({ vmGuid }) => vmGuid === machine.vmGuid)?.size
        .dataDisksMax ?? Number.POSITIVE_INFINITY,
    sharesMax: (diskUri) =>
      azure.model.world.disks.get(diskUri.toLowerCase())?.spec.maxShares ?? Number.POSITIVE_INFINITY,
  });
  const pace = watchPace({ ...world, journal });
  const deletions = watchDeletions({ ...world, journal, elapsedMsAt });
  const strangers = watchStrangers({ ...world, journal });
  const preemptions = watchPreemptions({
    ...world,
    journal,
    operations: () => azure.model.world.operations.values(),
  });
  const powerOffs = watchPowerOffs({ ...world, outside, journal, elapsedMsAt }, settings);
  return {
    look: () => {
      powerOffs.look();
      pace.look();
      deletions.look();
      strangers.look();
      preemptions.look();
    },
    armCalls: pace.armCalls,
    incarnationsLost: pace.incarnationsLost,
  };
}
