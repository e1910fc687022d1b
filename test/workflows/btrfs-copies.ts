import { release } from "node:os";

/** The first kernel that mounts a btrfs beside one with the same UUID. */
const FIRST = { major: 6, minor: 7 } as const;

/** Why a btrfs can't be mounted on one node of a lab while another node's mount of it remains. */
export function reasonAgainstBtrfsCopies(): string | undefined {
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return major > FIRST.major || (major === FIRST.major && minor >= FIRST.minor)
    ? undefined
    : `needs Linux 6.7, this is ${release()}: the nodes share a kernel, which refuses a btrfs that another ` +
        "node has mounted";
}
