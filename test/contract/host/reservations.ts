import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { ReservationKey } from "../../../src/core/writer/reservation/reservation-key.ts";
import type { DiskReservations } from "../../../src/ports/host/disk-reservations.ts";
import type { Device } from "../../../src/ports/host/host-provisioner.ts";
import { kindOf, never } from "./host-suite.ts";

/** Two machines with one disk, on which no machine has registered a key. */
export interface SharedDiskWorld {
  readonly a: SharingMachine;
  readonly b: SharingMachine;
  /** Whether the disk aborts the writes of a machine that it preempts. */
  readonly aborts: boolean;
  readonly close: () => Promise<void>;
}

/** A machine with a shared disk. */
export interface SharingMachine {
  readonly host: DiskReservations;
  /** The shared disk, under this machine's name and number. */
  readonly device: Device;
  /** Writes a text to the raw disk and syncs it: whether the disk has taken it. */
  readonly write: (text: string) => Promise<boolean>;
  /** What the disk holds now, past every cache of this machine. */
  readonly read: () => Promise<string>;
}

const KEY_A: ReservationKey = "617a00000000000a";
const KEY_B: ReservationKey = "617a00000000000b";
const NEXT_KEY_B: ReservationKey = "617a0000000000b2";
const OTHER_KEY: ReservationKey = "617affffffffffff";

/** Persistent reservations of a disk that two machines share. */
export function reservationsContract(
  name: string,
  makeWorld: () => Promise<SharedDiskWorld>,
  { timeout }: { readonly timeout: number },
): void {
  const on = (sentence: string, test: (world: SharedDiskWorld) => Promise<void>): void => {
    it(sentence, { timeout }, async () => {
      const world = await makeWorld();
      try {
        await test(world);
      } finally {
        await world.close();
      }
    });
  };

  describe(`${name}: reservations`, () => {
    on("lets every machine write a disk that none has reserved", async ({ a, b }) => {
      assert.equal(await holder(a), undefined);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [true, true]);
      assert.equal(await a.read(), "of b");
    });

    on("lets only its holder write, and all machines read", async ({ a, b }) => {
      await reserve(a, KEY_A);
      assert.deepEqual([await holder(a), await holder(b)], [KEY_A, KEY_A]);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [true, false]);
      assert.deepEqual([await a.read(), await b.read()], ["of a", "of a"]);
    });

    on("shows each machine whether it is the holder", async ({ a, b }) => {
      assert.deepEqual([await seenBy(a), await seenBy(b)], [undefined, undefined]);
      const [seenByHolder, seenByOther] = [{ isThisMachine: true }, { isThisMachine: false }] as const;
      await reserve(a, KEY_A);
      assert.deepEqual(
        [await seenBy(a), await seenBy(b)],
        [
          { key: KEY_A, ...seenByHolder },
          { key: KEY_A, ...seenByOther },
        ],
      );
      await reserve(b, KEY_B, KEY_A);
      assert.deepEqual(
        [await seenBy(a), await seenBy(b), await holder(a)],
        [{ key: KEY_B, ...seenByOther }, { key: KEY_B, ...seenByHolder }, KEY_B],
      );
    });

    on("reserves for its holder again, and changes nothing", async ({ a, b }) => {
      await reserve(a, KEY_A);
      await reserve(a, KEY_A);
      await reserve(a, KEY_A, OTHER_KEY);
      assert.equal(await holder(b), KEY_A);
      assert.deepEqual([await b.write("of b"), await a.write("of a")], [false, true]);
    });

    on("takes the disk from the key that it names, whose machine writes no more", async ({ a, b }) => {
      await reserve(a, KEY_A);
      await reserve(b, KEY_B, KEY_A);
      assert.deepEqual([await holder(a), await holder(b)], [KEY_B, KEY_B]);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [false, true]);
      assert.equal(await a.read(), "of b");
    });

    on("takes the disk from no other key than the one that it names", async ({ a, b }) => {
      await reserve(a, KEY_A);
      assert.equal(await tryToReserve(b, KEY_B), "DeviceBusy");
      assert.equal(await tryToReserve(b, KEY_B, OTHER_KEY), "DeviceBusy");
      assert.equal(await holder(b), KEY_A);
      assert.deepEqual([await b.write("of b"), await a.write("of a")], [false, true]);
    });

    on("refuses a late command of a machine that was preempted", async ({ a, b }) => {
      await reserve(a, KEY_A);
      await reserve(b, KEY_B, KEY_A);
      assert.equal(await tryToReserve(a, KEY_A), "DeviceBusy");
      assert.equal(await tryToReserve(a, KEY_A, OTHER_KEY), "DeviceBusy");
      await release(a, KEY_A);
      assert.equal(await holder(a), KEY_B);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [false, true]);
    });

    on("lets a machine that was preempted preempt in its turn", async ({ a, b }) => {
      await reserve(a, KEY_A);
      await reserve(b, KEY_B, KEY_A);
      await reserve(a, OTHER_KEY, KEY_B);
      assert.deepEqual([await b.write("of b"), await a.write("of a")], [false, true]);
    });

    on("preempts the key that it names with what it has sent, and again", async ({ a, b, aborts }) => {
      await reserve(a, KEY_A);
      assert.equal(await preempt(b, KEY_B, OTHER_KEY), "DeviceBusy");
      assert.equal(await holder(b), KEY_A);
      assert.equal(await preempt(b, KEY_B, KEY_A), aborts ? "success" : "Unsupported");
      assert.equal(await holder(a), aborts ? KEY_B : KEY_A);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [!aborts, aborts]);
      if (aborts) assert.equal(await preempt(b, KEY_B, KEY_A), "success");
    });

    on("keeps the disk where a machine preempts its own earlier key", async ({ a, b }) => {
      await reserve(b, KEY_B);
      assert.equal(await preempt(b, NEXT_KEY_B, KEY_B), "success");
      assert.equal(await holder(a), NEXT_KEY_B);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [false, true]);
    });

    on("preempts nothing of a disk that no machine has reserved", async ({ a, b }) => {
      assert.equal(await preempt(b, KEY_B, KEY_A), "DeviceBusy");
      assert.equal(await holder(b), undefined);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [true, true]);
    });

    on("changes the key under which a machine holds the disk", async ({ a, b, aborts }) => {
      await reserve(b, KEY_B);
      await reserve(b, NEXT_KEY_B, KEY_B);
      assert.equal(await holder(a), NEXT_KEY_B);
      assert.equal(await tryToReserve(a, KEY_A, KEY_B), "DeviceBusy", "the earlier key names nothing");
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [false, true]);
      if (aborts) assert.equal(await preempt(b, KEY_B, NEXT_KEY_B), "success");
      if (aborts) assert.equal(await holder(a), KEY_B);
      assert.deepEqual([await a.write("of a"), await b.write("of b")], [false, true]);
    });

    on("ends a reservation by its key only, and any number of times", async ({ a, b }) => {
      await release(a, KEY_A);
      await reserve(a, KEY_A);
      await release(a, OTHER_KEY);
      await release(b, KEY_A);
      assert.equal(await holder(b), KEY_A);
      await release(a, KEY_A);
      await release(a, KEY_A);
      assert.equal(await holder(b), undefined);
      assert.equal(await b.write("of b"), true);
      await reserve(b, KEY_B);
    });

    on("does nothing for a device whose name leads to another number", async ({ a, b }) => {
      const stale = { ...a, device: { ...a.device, majorMinor: "1:9" } };
      assert.equal(kindOf(await stale.host.readReservation(stale.device, never)), "WrongDevice");
      assert.equal(await tryToReserve(stale, KEY_A), "WrongDevice");
      await reserve(a, KEY_A);
      const released = await stale.host.releaseReservation({ device: stale.device, key: KEY_A }, never);
      assert.equal(kindOf(released), "WrongDevice");
      assert.equal(await holder(b), KEY_A);
    });
  });
}

async function holder({ host, device }: SharingMachine): Promise<ReservationKey | undefined> {
  return valueOf(await host.readReservation(device, never));
}

async function seenBy({ host, device }: SharingMachine) {
  return valueOf(await host.readHolder(device, never));
}

async function reserve({ host, device }: SharingMachine, key: ReservationKey, earlier?: ReservationKey) {
  valueOf(await host.reserve({ device, key, earlier }, never));
}

async function tryToReserve({ host, device }: SharingMachine, key: ReservationKey, earlier?: ReservationKey) {
  return kindOf(await host.reserve({ device, key, earlier }, never));
}

async function preempt({ host, device }: SharingMachine, key: ReservationKey, victim: ReservationKey) {
  return kindOf(await host.preempt({ device, key, victim }, never));
}

async function release({ host, device }: SharingMachine, key: ReservationKey): Promise<void> {
  valueOf(await host.releaseReservation({ device, key }, never));
}
