//! The stream modes of the wire.

use everthread_graph::StreamModes;

/// One stream mode of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Values,
    Updates,
    Messages,
    MessagesTuple,
    Custom,
    Tasks,
    Checkpoints,
    Debug,
    Events,
}

/// Every mode with its name.
const ALL: [(Mode, &str); 9] = [
    (Mode::Values, "values"),
    (Mode::Updates, "updates"),
    (Mode::Messages, "messages"),
    (Mode::MessagesTuple, "messages-tuple"),
    (Mode::Custom, "custom"),
    (Mode::Tasks, "tasks"),
    (Mode::Checkpoints, "checkpoints"),
    (Mode::Debug, "debug"),
    (Mode::Events, "events"),
];

impl Mode {
    /// The mode of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        ALL.iter()
            .find(|(_, known)| *known == name)
            .map(|(mode, _)| *mode)
    }

    /// The name.
    pub(crate) fn name(self) -> &'static str {
        ALL[self as usize].1
    }

    /// Every name, for messages.
    pub(crate) fn names() -> String {
        ALL.map(|(_, name)| name).join(", ")
    }
}

/// Several stream modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Modes(u16);

impl Modes {
    /// With one more.
    pub(crate) fn with(self, mode: Mode) -> Self {
        Self(self.0 | 1 << mode as u16)
    }

    /// Whether a mode is among them.
    pub(crate) fn has(self, mode: Mode) -> bool {
        self.0 & (1 << mode as u16) != 0
    }

    /// What the engine has to tell for these.
    pub(crate) fn of_engine(self) -> StreamModes {
        let mut modes = StreamModes::VALUES;
        let pairs = [
            (Mode::Updates, StreamModes::UPDATES),
            (Mode::Messages, StreamModes::MESSAGES),
            (Mode::MessagesTuple, StreamModes::MESSAGES),
            (Mode::Custom, StreamModes::CUSTOM),
            (Mode::Tasks, StreamModes::TASKS),
            (Mode::Checkpoints, StreamModes::CHECKPOINTS),
            (Mode::Debug, StreamModes::DEBUG),
            (Mode::Events, StreamModes::TASKS | StreamModes::MESSAGES),
        ];
        for (mode, told) in pairs {
            if self.has(mode) {
                modes = modes | told;
            }
        }
        modes
    }
}

impl FromIterator<Mode> for Modes {
    fn from_iter<I: IntoIterator<Item = Mode>>(modes: I) -> Self {
        modes.into_iter().fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_modes_belong_together() {
        for (mode, name) in ALL {
            assert_eq!(Mode::from_name(name), Some(mode));
            assert_eq!(mode.name(), name);
        }
        assert_eq!(Mode::from_name("lifecycle"), None);
        let modes: Modes = [Mode::Updates, Mode::Events].into_iter().collect();
        assert!(modes.has(Mode::Updates) && modes.has(Mode::Events));
        assert!(!modes.has(Mode::Values));
    }
}
