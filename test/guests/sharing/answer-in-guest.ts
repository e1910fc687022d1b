import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, openSync } from "node:fs";
import { mkdir, open, readdir, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createLinuxHost } from "../../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { errorCode } from "../../../src/core/primitives/error-code.ts";
import { linkDisk } from "../link-disk.ts";
import { fromLine, toLine, type GuestAnswer, type GuestCall, type GuestProcesses } from "./guest-message.ts";

const LOCKS = "/run/locks";
const MESSAGES = "/dev/vport0p3";
const BLOCK_BYTES = 4096;
const never = new AbortController().signal;

const processes: GuestProcesses = {
  writeRaw: async (path, text) => {
    const block = Buffer.alloc(BLOCK_BYTES);
    block.write(text);
    const args = [`of=${path}`, `bs=${BLOCK_BYTES}`, "oflag=direct", "iflag=fullblock", "conv=notrunc"];
    const { exitCode, output } = await runWith(block, "dd", [...args, "status=none"]);
    return exitCode === 0 ? "done" : output;
  },
  readRaw: async (path) => {
    const args = [`if=${path}`, `bs=${BLOCK_BYTES}`, "count=1", "iflag=direct", "status=none"];
    const { exitCode, output } = await runWith(undefined, "dd", args);
    if (exitCode !== 0) throw new Error(output);
    return output.replaceAll("\0", "");
  },
  writeFile: (path, text) => withFile(path, "w", (file) => file.writeFile(text)),
  fsync: (path) => withFile(path, "r", (file) => file.sync()),
  readFile: (path) => readFile(path, "utf8"),
  listFiles: (path) => readdir(path),
  linkDisk,
  run: (program, ...args) => runWith(undefined, program, args),
};

async function withFile(
  path: string,
  flags: string,
  act: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<string> {
  try {
    await using file = await open(path, flags);
    await act(file);
    return "done";
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code;
  }
}

async function runWith(input: Buffer | undefined, program: string, args: readonly string[]) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      printed.push(chunk);
    });
  // A program that ends without reading it says why by itself.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [exitCode] = (await once(child, "close")) as [number];
  return { exitCode, output: Buffer.concat(printed).toString() };
}

/** Answers the test's calls, one after the other. */
async function main(): Promise<void> {
  await mkdir(LOCKS);
  const host = await createLinuxHost({ lockDirectory: LOCKS, clock: systemClock });
  const fd = openSync(MESSAGES, "r+");
  const answers = createWriteStream(MESSAGES, { fd });
  const answer = (message: GuestAnswer): void => {
    answers.write(`${toLine(message)}\n`);
  };
  answer({ id: 0 });
  for await (const line of createInterface({ input: createReadStream(MESSAGES, { fd }) })) {
    const { id, of, name, args } = fromLine(line) as GuestCall;
    const callee = (of === "host" ? host : processes) as unknown as Readonly<
      Record<string, (...given: readonly unknown[]) => Promise<unknown>>
    >;
    try {
      answer({ id, value: await callee[name]?.(...args, ...(of === "host" ? [never] : [])) });
    } catch (error) {
      answer({ id, error: String(error) });
    }
  }
}

// Not awaited at the top level: the bundle is CommonJS.
main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
