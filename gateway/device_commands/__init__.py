"""Commands to devices: requests and approvals of people, the sending, the read-back."""

from gateway.device_commands.ports import DeviceCommandStore
from gateway.device_commands.read_back import ReadBacks
from gateway.device_commands.requests import CommandRequests, RequestedCommand
from gateway.device_commands.sender import CommandSender, SenderServices

__all__ = ["CommandRequests", "CommandSender", "DeviceCommandStore", "ReadBacks", "RequestedCommand", "SenderServices"]
