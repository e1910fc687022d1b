import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { findDisk } from "../../../../src/emulator/model/world.ts";
import { BYSTANDER } from "../../../azure/strangers.ts";
import { type FaultContext, type FaultVariant, overAtOnce } from "../../fault-class.ts";

const LOOK_MS = 200;

/**
 * All controllers die between the creation of a disk and its record. Before they are back, a person
 * attaches the disk to a VM that is not a node and opens it there. The person closes and detaches it
 * later.
 */
export const attachedBeforeRecorded: FaultVariant = {
  forMs: [60_000, 90_000],
  isDirected: true,
  begin: (context, { volumeName, atMs }) => {
    const { world, create } = context;
    const { cluster, azure, controllers } = world;
    const workload = cluster.workloads().find((other) => other.volumeName === volumeName);
    const source = findDisk(azure.model.world, cluster.diskUriOf(volumeName) ?? "");
    // One at a time: the end of an earlier one would start the controllers too soon.
    const isBusy = (azure.vmOf(BYSTANDER)?.dataDisks.length ?? 0) > 0;
    if (workload === undefined || source === undefined || isBusy) return overAtOnce;
    const created = `${volumeName}-attached-${atMs}`;
    let takeOff: (() => void) | undefined;
    const startAll = (): void => {
      for (const controller of controllers) controller.start();
    };
    const strike = (): void => {
      const disk = [...azure.model.world.disks.values()].find(({ spec }) =>
        Object.values(spec.tags ?? {}).includes(created),
      );
      if (disk === undefined || takeOff !== undefined) return;
      for (const controller of controllers) controller.kill();
      takeOff = openOnBystander(context, disk.id, startAll);
    };
    const takenBack = controllers.map((controller) =>
      controller.strikeAt({ step: "record-created", nth: 1, moment: "before" }, strike),
    );
    create({ ...workload, volumeName: created, sizeGiB: source.spec.sizeGiB });
    return () => {
      for (const takeBack of takenBack) takeBack();
      takeOff?.();
      startAll();
    };
  },
};

/**
 * `opened` is called once the disk is there and a process has it open. Returns how the person closes and
 * detaches it. A disk that arrives later than that, or than its record, is detached at once.
 */
function openOnBystander(
  { world: { azure, store }, later }: FaultContext,
  diskUri: string,
  opened: () => void,
): () => void {
  let close: (() => void) | undefined;
  let isOver = false;
  const isRecorded = (): boolean =>
    store.objects("AzVolume").some(({ status }) => isSameResourceUri(status?.detail?.diskUri ?? "", diskUri));
  const open = (): void => {
    const entry = azure
      .vmOf(BYSTANDER)
      ?.dataDisks.find(({ diskId, phase }) => phase === "Attached" && isSameResourceUri(diskId, diskUri));
    if (entry === undefined) return later(LOOK_MS, open);
    if (isOver || isRecorded()) return azure.detachOutside(BYSTANDER, diskUri);
    close = azure.machineOf(BYSTANDER)?.kernel.openRaw(entry.lun);
    opened();
  };
  azure.attachOutside(BYSTANDER, diskUri);
  open();
  return () => {
    isOver = true;
    if (close === undefined) return;
    close();
    azure.detachOutside(BYSTANDER, diskUri);
  };
}
