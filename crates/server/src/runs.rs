//! Runs that outlive the requests that asked for them: the hub that drives them, and what is told of them.

mod asks;
mod create;
mod drive;
mod frame;
mod hub;
mod kept;
mod live;
mod log;
mod order;
mod recover;
mod remote;
mod stop;
mod store_log;
mod tell;
mod thread_feed;
mod webhook;

pub(crate) use asks::Ask;
pub(crate) use create::{Target, order, places};
pub(crate) use frame::Frame;
pub(crate) use hub::Hub;
pub(crate) use kept::Kept;
pub(crate) use live::{Live, Outcome};
pub(crate) use log::{Log, Read, Reader};
pub(crate) use order::Order;
pub(crate) use remote::{Far, Remote, goes_on};
pub(crate) use stop::{Stop, Stopped};
pub(crate) use store_log::read as read_stored;
pub(crate) use tell::interrupts;
pub(crate) use thread_feed::Begun;
