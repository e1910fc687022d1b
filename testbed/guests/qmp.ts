import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";

/** QEMU's own protocol for control of a running machine. */
export interface Qmp {
  /** Throws with QEMU's sentence if it refuses, and if it ends before it answers. */
  execute(command: string, args: Readonly<Record<string, unknown>>): Promise<void>;
}

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/**
 * The control of a QEMU that has its end of `channel` as its monitor. One command at a time; events are
 * not needed and dropped.
 */
export async function openQmp(channel: Duplex): Promise<Qmp> {
  const lines = createInterface({ input: channel })[Symbol.asyncIterator]();
  const nextAnswer = async (): Promise<Answer> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error("QEMU ended before it answered");
      const message = JSON.parse(value) as Answer;
      if (message.return !== undefined || message.error !== undefined) return message;
    }
  };
  const execute = async (command: string, args?: Readonly<Record<string, unknown>>): Promise<void> => {
    channel.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const { error } = await nextAnswer();
    if (error !== undefined) throw new Error(`QEMU refused ${command}: ${error.desc}`);
  };
  // QEMU accepts nothing else before this.
  await execute("qmp_capabilities");
  return { execute };
}
