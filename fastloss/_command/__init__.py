"""The commands: fastloss evaluate, bench and demo."""
