import { createInterface } from "node:readline";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { Device, HostProvisioner } from "../../../src/ports/host/host-provisioner.ts";
import type { GuestParts } from "../../../testbed/guests/guest-parts.ts";
import type { SharedDisk } from "../../../testbed/guests/qemu-arguments.ts";
import { startGuest } from "../../../testbed/guests/start-guest.ts";
import type { SharingMachine } from "../../contract/host/reservations.ts";
import { fromLine, toLine, type GuestAnswer, type GuestProcesses } from "./guest-message.ts";
import { ANSWER_LIMIT_MS, BOOT_LIMIT_MS, waitForGuest } from "./wait-for-guest.ts";

/** A guest with a shared disk at LUN 0, whose Linux host and processes the test calls. */
export interface SharingGuest extends SharingMachine {
  readonly host: HostProvisioner;
  readonly processes: GuestProcesses;
  /** The shared disk at a LUN. */
  readonly deviceAt: (lun: number) => Promise<Device>;
  /** Its kernel crashes, and it starts again; it is the same machine to the disk. */
  readonly crash: () => Promise<void>;
  /** It is gone. */
  readonly kill: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const never = new AbortController().signal;

/** Starts a guest with these ways to the disk, one a LUN from 0. */
export async function startSharingGuest(
  parts: GuestParts,
  sharedDisks: readonly SharedDisk[],
  signal: AbortSignal,
): Promise<SharingGuest> {
  await using unfinished = new AsyncDisposableStack();
  const guest = unfinished.use(
    await startGuest(
      parts,
      {
        entry: "test/guests/sharing/answer-in-guest.ts",
        sharedDisks: new Map(sharedDisks.map((disk, lun) => [lun, disk])),
      },
      signal,
    ),
  );
  const initiators = sharedDisks.map(({ initiator }) => initiator).join(" and ");
  const lines = createInterface({ input: guest.messages })[Symbol.asyncIterator]();
  const nextAnswer = async (): Promise<GuestAnswer> => {
    const { value, done } = await lines.next();
    if (done !== true) return fromLine(value) as GuestAnswer;
    const { output, console: messages } = await guest.ended();
    throw new Error(`the guest has ended:\n${output}\n${messages}`);
  };
  let calls = 0;
  const call = async (of: "host" | "processes", name: string, args: readonly unknown[]): Promise<unknown> => {
    calls += 1;
    const id = calls;
    guest.messages.write(`${toLine({ id, of, name, args })}\n`);
    const what = `answer to ${name} ${toLine(args)} of guest ${initiators}`;
    const answer = await waitForGuest(guest, { work: nextAnswer(), what, limitMs: ANSWER_LIMIT_MS });
    if (answer.id !== id) throw new Error(`call ${id} was answered by ${toLine(answer)}`);
    if (answer.error !== undefined) throw new Error(`${name} in the guest: ${answer.error}`);
    return answer.value;
  };
  const callsOf = (of: "host" | "processes"): unknown =>
    new Proxy(
      {},
      {
        get:
          (_, name) =>
          (...args: readonly unknown[]) =>
            call(
              of,
              String(name),
              args.filter((arg) => !(arg instanceof AbortSignal)),
            ),
      },
    );
  const host = callsOf("host") as HostProvisioner;
  const processes = callsOf("processes") as GuestProcesses;
  const started = async (): Promise<void> => {
    const what = `start of guest ${initiators}`;
    const { id } = await waitForGuest(guest, { work: nextAnswer(), what, limitMs: BOOT_LIMIT_MS });
    if (id !== 0) throw new Error("the guest answers before it has started");
    for (const lun of sharedDisks.keys()) await processes.linkDisk(lun);
  };
  await started();
  const deviceAt = async (lun: number): Promise<Device> => valueOf(await host.findDevice({ lun }, never));
  const device = await deviceAt(0);
  const owned = unfinished.move();
  return {
    host,
    processes,
    device,
    deviceAt,
    write: async (text) => (await processes.writeRaw(device.path, text)) === "done",
    read: () => processes.readRaw(device.path),
    crash: async () => {
      const what = `reset of guest ${initiators}`;
      await waitForGuest(guest, { work: guest.reset(), what, limitMs: ANSWER_LIMIT_MS });
      await started();
    },
    kill: () => guest.kill(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
