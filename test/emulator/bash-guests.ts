import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Guests } from "../../src/emulator/index.ts";

const run = promisify(execFile);

/**
 * VMs in which scripts are run by bash on this machine, each with its own `/run` and `/dev/disk/azure` and
 * without a network. `deviceRoot` is that of the data plane. An `iptables` that only notes its calls stands
 * for the real one.
 */
export function bashGuests({ deviceRoot, folder }: { deviceRoot: string; folder: string }): Guests {
  return {
    runScript: async ({ vmName, script }) => {
      const own = join(folder, vmName);
      await mkdir(join(own, "run"), { recursive: true });
      await mkdir(join(own, "bin"), { recursive: true });
      await mkdir(join(own, "dev"), { recursive: true });
      await mkdir(join(deviceRoot, vmName, "dev/disk/azure"), { recursive: true });
      await writeFile(join(own, "bin/iptables"), IPTABLES, { mode: 0o755 });
      await writeFile(join(own, "bin/sitecustomize.py"), CLOCK);
      await writeFile(join(own, "script"), script);
      const args = ["--mount", "--net", "bash", "-euc", SET_UP, "guest", own, join(deviceRoot, vmName)];
      const { stdout, stderr } = await run("unshare", args);
      await rm(join(own, "script"));
      return { stdout, stderr };
    },
  };
}

/** It ends as the real one does where there is no such rule: with 1. A file `stuck` lets deletions fail. */
const IPTABLES = `#!/bin/bash
rules=$(dirname "$0")/../rules
case $2 in
  -I) echo "\${@:3}" >> "$rules"; echo inserted >> "$rules.log" ;;
  -C) [ -s "$rules" ] ;;
  -D) [ ! -e "$rules.stuck" ] && [ -s "$rules" ] && sed -i '$d' "$rules" && echo deleted >> "$rules.log" ;;
esac
`;

/** The clock of each VM is synchronised to a millisecond, whatever that of this machine is. */
const CLOCK = `import ctypes, struct, types
def adjtimex(timex):
    struct.pack_into("Illlli", timex, 0, 0, 0, 0, 1000, 0, 0)
    return 0
ctypes.CDLL = lambda *_: types.SimpleNamespace(adjtimex=adjtimex)
`;

const SET_UP = `
own=$1 root=$2
mount -t tmpfs none "$own/dev"
mkdir "$own/dev/.host" "$own/dev/disk"
mount --rbind /dev "$own/dev/.host"
for name in /dev/*; do [ "$name" = /dev/disk ] || ln -s ".host/$(basename "$name")" "$own/dev/"; done
mkdir "$own/dev/disk/azure"
mount --bind "$root/dev/disk/azure" "$own/dev/disk/azure"
mount --rbind "$own/dev" /dev
mount --bind "$own/run" /run
PYTHONPATH=$own/bin PATH=$own/bin:$PATH exec bash "$own/script"
`;
