import { findDisk } from "../../../../src/emulator/model/world.ts";
import { diceAgain, type FaultVariant } from "../../fault-class.ts";

const BLOCK_SHARE = 0.5;
/** How often a pod comes to the volume again before it is deleted. */
const POD_SHARE = 0.7;
/** When the volume is deleted, in milliseconds. */
const DELETED_AFTER_MS = 40_000;

/**
 * A person deletes the disk of a volume whose pod is away, and makes another one under its name, with data of
 * its own. A pod may come again, and the volume is deleted, while that disk is to stay as it is; in the end
 * the person deletes it, too.
 */
export const madeAgain: FaultVariant = {
  forMs: [120_000, 180_000],
  isDirected: true,
  begin: ({ world: { azure, cluster }, outside, when, later }, { volumeName, atMs, dice }) => {
    const name = `${volumeName}-made-again-${atMs}`;
    const access = diceAgain(dice, 1) < BLOCK_SHARE ? "block" : "mount";
    cluster.apply({
      volumeName: name,
      sizeGiB: 4,
      skuName: "Premium_LRS",
      maxShares: 1,
      replicas: 0,
      access,
    });
    let undo = (): void => undefined;
    const isReady = (): boolean => cluster.pods().some((pod) => pod.volumeName === name && pod.isReady);
    when(isReady, () => {
      cluster.scale(name, 0);
      const diskUri = cluster.diskUriOf(name) ?? "";
      const present = (): ReturnType<typeof findDisk> => findDisk(azure.model.world, diskUri);
      const unused = (): ReturnType<typeof findDisk> | false => {
        const disk = present();
        return disk !== undefined && disk.owners.length === 0 && disk.reservations.length === 0 && disk;
      };
      when(unused, (disk) => {
        azure.deleteDiskOutside(diskUri);
        when(
          () => present() === undefined,
          () => {
            azure.makeDiskOutside(disk);
            undo = () => azure.deleteDiskOutside(diskUri);
            when(
              () => azure.diskOf(diskUri),
              (made) => {
                outside.noteForeignData(diskUri);
                made.content =
                  access === "mount"
                    ? { kind: "fileSystem", fsType: "ext4", uuid: `of another ${name}` }
                    : { kind: "otherData", detail: "a partition table" };
                made.files.set("/foreign", "foreign data");
                if (diceAgain(dice, 2) < POD_SHARE) cluster.scale(name, 1);
                later(DELETED_AFTER_MS, () => cluster.deleteWorkload(name));
              },
            );
          },
        );
      });
    });
    return () => {
      cluster.deleteWorkload(name);
      undo();
    };
  },
};
