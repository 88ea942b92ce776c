"""The judge: prices any plan from scratch, device by device, and checks claims. Shares only leaf costs with them."""
