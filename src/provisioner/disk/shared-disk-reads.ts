import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { type Result, ok } from "../../core/failure/result.ts";
import { unlessAborted } from "../../runtime/unless-aborted.ts";
import type { ArmAnswer, ArmDisk, ArmError, ArmGroup, ArmName, NextPage } from "../arm/arm-api.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import type { BudgetedCall } from "../arm/throttle-budget.ts";
import { diskIdOf, diskOwners, listKeyOf, ownersOf } from "./disk-owners.ts";

/** Disks of a resource group that are read one by one at a time; others wait, and may be listed together. */
const READS_AT_ONCE = 16;
/** Fewer waiting disks than this are never listed. */
const LISTED_MIN = 32;

type Owners = Result<readonly string[], ArmError>;

interface OwnersQuery {
  readonly diskUri: string;
  readonly answer: (owners: Owners | Promise<Owners>) => void;
}

/** The questions for the disks of a resource group. */
interface Group {
  readonly id: ArmGroup;
  /** May be answered by a list. */
  waiting: OwnersQuery[];
  /** A list did not answer them. */
  readonly unlisted: OwnersQuery[];
  reading: number;
  isListing: boolean;
  /** The calls that the last list took, or is expected to take. */
  pages: number;
}

/**
 * Reads of disks' owners for proofs, never from a cache: each answer is of a read that started after the
 * question. Disks are read one by one, and together by a list of their resource group where more of them
 * wait than such a list takes calls: a zone's worth of disks would use up ARM's reads.
 */
export class SharedDiskReads {
  readonly #session: ArmSession;
  readonly #lifetime: AbortSignal;
  readonly #groups = new Map<string, Group>();

  /** `lifetime` ends reads at shutdown: no caller's signal ends a read for which others wait. */
  constructor(session: ArmSession, lifetime: AbortSignal) {
    this.#session = session;
    this.#lifetime = lifetime;
  }

  /**
   * The VMs that a disk names as its owners now; none if the disk is gone. Rejects with the signal's reason.
   */
  async owners(diskUri: string, signal: AbortSignal): Promise<Owners> {
    signal.throwIfAborted();
    const id = diskIdOf(diskUri);
    if (id === undefined) return diskOwners(this.#session, { diskUri, lane: "failover" }, signal);
    const group = this.#groupOf(id);
    const { promise, resolve } = Promise.withResolvers<Owners>();
    group.waiting.push({ diskUri, answer: resolve });
    this.#serve(group);
    return unlessAborted(promise, signal);
  }

  #groupOf({ subscriptionId, resourceGroup }: ArmName): Group {
    const id = { subscriptionId, resourceGroup };
    const key = listKeyOf(id);
    const group = this.#groups.get(key) ?? {
      id,
      waiting: [],
      unlisted: [],
      reading: 0,
      isListing: false,
      pages: LISTED_MIN,
    };
    this.#groups.set(key, group);
    return group;
  }

  #serve(group: Group): void {
    while (group.reading < READS_AT_ONCE) {
      const query = group.unlisted.shift() ?? (this.#isListWorth(group) ? undefined : group.waiting.shift());
      if (query === undefined) break;
      group.reading++;
      this.#read(group, query);
    }
    if (group.isListing || !this.#isListWorth(group)) return;
    group.isListing = true;
    const { waiting } = group;
    group.waiting = [];
    this.#list(group, waiting);
  }

  /** Whether a list takes fewer calls than the disks that wait, and as short a time. */
  #isListWorth({ id, waiting, pages }: Group): boolean {
    const { waitMs } = this.#session;
    return (
      waiting.length > Math.max(LISTED_MIN, pages) &&
      waitMs(listCallOf(id), pages - 1) <= waitMs(readCall, waiting.length - 1)
    );
  }

  #read(group: Group, { diskUri, answer }: OwnersQuery): void {
    const read = diskOwners(this.#session, { diskUri, lane: "failover" }, this.#lifetime);
    answer(read);
    const end = (): void => {
      group.reading--;
      this.#serve(group);
    };
    read.then(end, end);
  }

  /** What the list does not show, or all if Azure refuses it, is read disk by disk. */
  #list(group: Group, queries: readonly OwnersQuery[]): void {
    const { arm, call } = this.#session;
    let pages = 1;
    const list = (clientRequestId: string, admitPage: NextPage): Promise<ArmAnswer<readonly ArmDisk[]>> => {
      pages = 1;
      const nextPage: NextPage = (failed) => {
        if (failed === undefined) pages++;
        return admitPage(failed);
      };
      return arm.listDisks({ ...group.id, clientRequestId, nextPage }, this.#lifetime);
    };
    const end = (): void => {
      group.isListing = false;
      this.#serve(group);
    };
    call(listCallOf(group.id), list, this.#lifetime).then(
      (listed) => {
        const disks = new Map(listed.ok ? listed.value.map((disk) => [resourceUriKey(disk.id), disk]) : []);
        for (const one of queries) {
          const owners = ownersListed(disks.get(resourceUriKey(one.diskUri)));
          if (owners === undefined) group.unlisted.push(one);
          else one.answer(ok(owners));
        }
        group.pages = pages;
        end();
      },
      (reason: unknown) => {
        for (const { answer } of queries) answer(Promise.reject(reason));
        end();
      },
    );
  }
}

const readCall: BudgetedCall = { group: "diskRead", resource: undefined, lane: "failover" };

function listCallOf(group: ArmGroup): BudgetedCall {
  return { group: "diskList", resource: listKeyOf(group), lane: "failover" };
}

/**
 * The owners that a list names of a disk; undefined where it shows too little. A list may be older than the
 * disk, and one that leaves out the owners of shared disks looks like disks without an owner.
 */
function ownersListed(disk: ArmDisk | undefined): readonly string[] | undefined {
  if (disk === undefined) return undefined;
  return disk.maxShares > 1 && disk.managedByExtended.length === 0 ? undefined : ownersOf(disk);
}
