/** A link of a LUN that leads to a block device. */
export interface DeviceCandidate {
  readonly link: string;
  readonly path: string;
  readonly majorMinor: string;
  readonly sizeBytes: bigint;
}

/** Which device a LUN means, or why that can't be told. */
export type DeviceChoice =
  | { readonly kind: "found"; readonly device: DeviceCandidate }
  | { readonly kind: "none" }
  | { readonly kind: "contradiction"; readonly devicePath: string; readonly problem: string };

/** Chooses among what the links of one LUN lead to; links that lead to different devices contradict each other, and neither is believed. */
export function chooseDevice(candidates: readonly DeviceCandidate[]): DeviceChoice {
  const [first, ...others] = candidates;
  if (first === undefined) return { kind: "none" };
  const contrary = others.find((other) => other.majorMinor !== first.majorMinor);
  if (contrary === undefined) return { kind: "found", device: first };
  return {
    kind: "contradiction",
    devicePath: first.path,
    problem: `${first.link} leads to ${first.path} (${first.majorMinor}), but ${contrary.link} to ${contrary.path} (${contrary.majorMinor}): check the udev rules of the node`,
  };
}
