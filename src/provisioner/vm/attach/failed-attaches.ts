import type { ArmDataDisk, ArmVm } from "../../arm/arm-api.ts";
import { isTerminal } from "../../arm/provisioning-state.ts";
import { diskKeyOf } from "../../disk/disk-key.ts";
import type { VmRequest } from "../vm-request.ts";

/** A disk that a VM may list without having it. */
export interface Suspect {
  readonly diskKey: string;
  readonly diskUri: string;
  /** This driver's last attach of it that failed, and whether the VM had listed the disk before. */
  readonly ownAttach?: { readonly request: VmRequest; readonly wasListed: boolean };
  /** Azure has refused or failed an update because it does not find the disk. */
  readonly isMissed: boolean;
}

/**
 * What failed updates of one VM may have left in its list. It outlasts the batch whose update failed:
 * taking the entry out may fail as well, and then fails the VM's later updates. A process that has
 * forgotten it attaches the disk once more, or detaches it, as its volume asks for.
 */
export class FailedAttaches {
  #vmId: string | undefined;
  readonly #suspects = new Map<string, Suspect>();

  get isEmpty(): boolean {
    return this.#suspects.size === 0;
  }

  get suspects(): readonly Suspect[] {
    return [...this.#suspects.values()];
  }

  /** Learns that an update with this attach has failed. */
  attachFailed(request: VmRequest, { wasListed }: { readonly wasListed: boolean }): void {
    const { diskKey, spec } = request;
    const known = this.#suspects.get(diskKey);
    this.#suspects.set(diskKey, {
      diskKey,
      diskUri: spec.diskUri,
      // Listed since this driver's own update: it has made the entry.
      ownAttach: { request, wasListed: wasListed && known?.ownAttach?.wasListed !== false },
      isMissed: known?.isMissed === true,
    });
  }

  /** Learns that Azure does not find the disk of an entry. */
  diskMissed(entry: ArmDataDisk): void {
    const diskKey = diskKeyOf(entry);
    const known = this.#suspects.get(diskKey);
    this.#suspects.set(diskKey, {
      diskUri: entry.managedDisk?.id ?? "",
      ...known,
      diskKey,
      isMissed: true,
    });
  }

  /** Learns that a disk has reached the VM. It may be in use from then on, whatever later reads show. */
  attached(diskKey: string): void {
    this.#suspects.delete(diskKey);
  }

  /** Learns that the disk of a suspect is there, whatever Azure has said. */
  diskFound(diskKey: string): void {
    const known = this.#suspects.get(diskKey);
    if (known?.ownAttach === undefined) this.#suspects.delete(diskKey);
    else this.#suspects.set(diskKey, { ...known, isMissed: false });
  }

  /** Learns from each read of the VM. */
  saw(model: ArmVm): void {
    if (this.#vmId !== model.vmId) this.#suspects.clear();
    this.#vmId = model.vmId;
    const listed = new Set(model.dataDisks.map(diskKeyOf));
    // An update that has succeeded attached all that the VM lists.
    const isRepaired = isTerminal(model.provisioningState) && model.provisioningState !== "Failed";
    for (const [diskKey, suspect] of this.#suspects)
      if (!listed.has(diskKey) || (isRepaired && !suspect.isMissed)) this.#suspects.delete(diskKey);
  }
}
