import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { hostProvisionerContract } from "./host-provisioner-contract.ts";
import { makeLinuxHostWorld } from "./linux-host-world.ts";
import { makeModelHostWorld } from "./model-host-world.ts";

hostProvisionerContract("modelled host", makeModelHostWorld, { platform: "linux" });

const devices = dataPlaneAvailable();
hostProvisionerContract("Linux host", makeLinuxHostWorld, {
  platform: "linux",
  whyNotHere: devices.available ? undefined : devices.reason,
});
