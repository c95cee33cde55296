/* The least program there is: what any start costs. */
int
main(void)
{
	return 0;
}
